// A build that applies and then waits. Build problems, parameters and the tests are told in the log; exit code 3 (still
// progressing) can be told from 1 (failed) by the parameter rollout.result. The agent needs kubectl. Change OWNER and
// the SHA-256 (SHA256SUMS of the release), shop to your namespace and k8s to your folder.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildSteps.script

version = "2024.03"

project {
    buildType(Deploy)
}

object Deploy : BuildType({
    name = "Deploy"
    artifactRules = "report.*"
    params {
        param("env.GUARD_URL", "https://github.com/OWNER/rollout-guard/releases/download/v0.1.0/rollout-guard-x86_64-unknown-linux-musl-v0.1.0.tar.gz")
        param("env.GUARD_SHA256", "0000000000000000000000000000000000000000000000000000000000000000")
    }
    vcs {
        root(DslContext.settingsRoot)
    }
    steps {
        script {
            scriptContent = """
                set -e
                curl -fsSL --retry 5 -o guard.tar.gz "${'$'}GUARD_URL"
                echo "${'$'}GUARD_SHA256  guard.tar.gz" | sha256sum -c -
                tar -xzf guard.tar.gz ./rollout-guard
                kubectl apply -n shop -f k8s/
                ./rollout-guard wait -f k8s/ -n shop --timeout 10m --junit report.xml --html report.html
            """.trimIndent()
        }
    }
    failureConditions { executionTimeoutMin = 20 }
})
