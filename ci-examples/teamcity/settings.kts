// A build that applies and then waits. Build problems, parameters and the tests are told in the log; exit code 3 (still
// progressing) can be told from 1 (failed) by the parameter rollout.result.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildSteps.script

version = "2024.03"

project {
    buildType(Deploy)
}

object Deploy : BuildType({
    name = "Deploy"
    artifactRules = "rollout-guard.*"
    steps {
        script {
            scriptContent = """
                set -e
                kubectl apply -n shop -f k8s/
                rollout-guard wait deploy/web -n shop --timeout 10m --junit rollout-guard.xml --html rollout-guard.html
            """.trimIndent()
        }
    }
    failureConditions { executionTimeoutMin = 20 }
})
