//! A linear one-versus-rest support vector machine, squared hinge loss, by dual coordinate descent.
//!
//! Source: Hsieh, Chang, Lin, Keerthi and Sundararajan, "A Dual Coordinate Descent Method for Large-scale Linear SVM", ICML
//! 2008, as in LIBLINEAR. Entries are trained eight at a time, so that an example is read once for eight of them; the order is
//! fixed, so the result is the same bit for bit, on any number of threads.
//!
//! A package of its own, so that it is optimised in the tests too: all of them learn, and without it a start takes ten seconds.

/// Features by index, each once, with their weights.
pub type Vector = Vec<(u32, f32)>;

/// Entries trained together.
const LANES: usize = 8;
/// Entries scored together: their sums stay in registers.
const SUMMED: usize = 16;
/// Cost of an example on the wrong side.
const COST: f32 = 1.0;
/// Times as much for an example of the entry itself: each entry has few of its own and all others against it.
const OWN: f32 = 2.0;
/// Passes over the examples.
const PASSES: usize = 10;
/// Changes below this are none.
const STILL: f32 = 1e-5;

/// Weights of every feature for every entry, in 16 bits with one scale an entry.
#[derive(Debug, Default)]
pub struct Linear {
    /// Row by feature; rows are `stride` long. The last row is the constant.
    weights: Vec<i16>,
    scale: Vec<f32>,
    stride: usize,
    features: usize,
    labels: usize,
}

/// Bytes that the weights of so many entries and features take.
pub fn bytes(labels: usize, features: usize) -> usize {
    labels.next_multiple_of(SUMMED) * (features + 1) * size_of::<i16>()
}

/// Trains on examples and the entry of each. All values are finite, vectors of length 1 or empty.
pub fn train(examples: &[Vector], entry: &[u32], labels: usize, features: usize) -> Linear {
    let stride = labels.next_multiple_of(SUMMED);
    let mut linear =
        Linear { weights: vec![0; stride * (features + 1)], scale: vec![0.0; stride], stride, features, labels };
    let blocks: Vec<usize> = (0..labels.div_ceil(LANES)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(blocks.len()).max(1);
    let work = |share: Vec<usize>| -> Vec<(usize, Vec<[f32; LANES]>)> {
        share.into_iter().map(|block| (block, train_block(examples, entry, block, features))).collect()
    };
    // A few blocks at a time, so that the wide weights never lie in memory all at once.
    for group in blocks.chunks(threads * 2) {
        let done: Vec<(usize, Vec<[f32; LANES]>)> = std::thread::scope(|scope| {
            let shares = group.chunks(group.len().div_ceil(threads));
            let running: Vec<_> = shares.map(|share| scope.spawn(|| work(share.to_vec()))).collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        for (block, wide) in done {
            linear.store(block, &wide);
        }
    }
    linear
}

/// Weights of eight entries, the constant last.
fn train_block(examples: &[Vector], entry: &[u32], block: usize, features: usize) -> Vec<[f32; LANES]> {
    let mut weights = vec![[0.0_f32; LANES]; features + 1];
    let mut alpha = vec![[0.0_f32; LANES]; examples.len()];
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut active = vec![true; examples.len()];
    for pass in 0..PASSES {
        shuffle(&mut order, &mut seed);
        // Examples that pressed on no entry the last time are left out, but for every fourth pass.
        let all = pass % 4 == 0;
        for &at in &order {
            if !all && !active[at] {
                continue;
            }
            active[at] = step(&examples[at], entry[at] as usize, block * LANES, &mut alpha[at], &mut weights);
        }
    }
    weights
}

/// One example, eight entries. True if it presses on any of them.
fn step(example: &Vector, entry: usize, first: usize, alpha: &mut [f32; LANES], weights: &mut [[f32; LANES]]) -> bool {
    let constant = weights.len() - 1;
    let mut dot = weights[constant];
    let mut square = 1.0;
    for &(feature, value) in example {
        square += value * value;
        let row = &weights[feature as usize];
        for lane in 0..LANES {
            dot[lane] += value * row[lane];
        }
    }
    let mut change = [0.0_f32; LANES];
    let (mut moved, mut presses) = (false, false);
    for lane in 0..LANES {
        let own = entry == first + lane;
        let (side, cost) = if own { (1.0, COST * OWN) } else { (-1.0, COST) };
        let diagonal = 0.5 / cost;
        let before = alpha[lane];
        let gradient = side * dot[lane] - 1.0 + diagonal * before;
        let after = (before - gradient / (square + diagonal)).max(0.0);
        alpha[lane] = after;
        change[lane] = (after - before) * side;
        moved |= change[lane].abs() > STILL;
        presses |= after > 0.0;
    }
    if moved {
        for &(feature, value) in example {
            let row = &mut weights[feature as usize];
            for lane in 0..LANES {
                row[lane] += value * change[lane];
            }
        }
        for lane in 0..LANES {
            weights[constant][lane] += change[lane];
        }
    }
    moved || presses
}

/// Fisher and Yates, with Marsaglia's xorshift from a fixed seed.
fn shuffle(order: &mut [usize], seed: &mut u64) {
    for at in (1..order.len()).rev() {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        #[allow(clippy::cast_possible_truncation, reason = "less than the length of the list")]
        let other = (*seed % (at as u64 + 1)) as usize;
        order.swap(at, other);
    }
}

impl Linear {
    #[allow(clippy::cast_possible_truncation, reason = "scaled to the range of 16 bits")]
    fn store(&mut self, block: usize, wide: &[[f32; LANES]]) {
        for lane in 0..LANES {
            let largest = wide.iter().map(|row| row[lane].abs()).fold(0.0, f32::max);
            let scale = largest / f32::from(i16::MAX);
            let finer = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let label = block * LANES + lane;
            self.scale[label] = scale;
            for (row, weights) in wide.iter().zip(self.weights.chunks_exact_mut(self.stride)) {
                weights[label] = (row[lane] * finer).round() as i16;
            }
        }
    }

    /// The score of every entry, into `out`. Above 0 means "rather this entry than not", at the bar of training 1.
    pub fn scores(&self, message: &Vector, out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.stride, 0.0);
        for (block, out) in out.chunks_exact_mut(SUMMED).enumerate() {
            let weights =
                |feature: usize| self.weights[feature * self.stride + block * SUMMED..].first_chunk::<SUMMED>();
            let mut sums = weights(self.features).map_or([0.0; SUMMED], |constant| constant.map(f32::from));
            for &(feature, value) in message {
                if let Some(weights) = weights(feature as usize) {
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += value * f32::from(*weight);
                    }
                }
            }
            out.copy_from_slice(&sums);
        }
        for (sum, scale) in out.iter_mut().zip(&self.scale) {
            *sum *= scale;
        }
        out.truncate(self.labels);
    }

    /// The weight of a feature for an entry.
    pub fn weight(&self, feature: u32, label: usize) -> f32 {
        let weight = self.weights.get(feature as usize * self.stride + label).copied().unwrap_or_default();
        f32::from(weight) * self.scale.get(label).copied().unwrap_or_default()
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.weights.len() * size_of::<i16>()
    }
}
