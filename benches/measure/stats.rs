//! Medians, and how sure we are of a ratio.

/// Measured numbers of one thing.
#[derive(Clone, Default)]
pub(crate) struct Sample(pub(crate) Vec<f64>);

impl Sample {
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a short list"
        )]
        let place = (share * last as f64).round() as usize;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn p95(&self) -> f64 {
        self.quantile(0.95)
    }
}

/// How many times the median of `other` is that of `ours`, with the bounds between which 95 of 100 resamples lie.
pub(crate) fn ratio(other: &Sample, ours: &Sample) -> (f64, f64, f64) {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut resample = |sample: &Sample| {
        let length = sample.0.len().max(1) as u64;
        let drawn = sample.0.iter().map(|_| {
            // xorshift64: the same resamples for the same numbers.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % length)
                .ok()
                .and_then(|place| sample.0.get(place))
                .copied()
                .unwrap_or(f64::NAN)
        });
        Sample(drawn.collect()).median()
    };
    let ratios = Sample((0..2000).map(|_| resample(other) / resample(ours)).collect());
    (other.median() / ours.median(), ratios.quantile(0.025), ratios.quantile(0.975))
}
