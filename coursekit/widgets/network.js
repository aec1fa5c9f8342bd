// A small network of dense layers with one output, trained by Adam. Arrays are flat, one row a point.

// Each activation and its derivative; the derivative takes the activation's value.
const ACTIVATIONS = {
  tanh: [Math.tanh, (a) => 1 - a * a],
  relu: [(z) => Math.max(0, z), (a) => (a > 0 ? 1 : 0)],
  sigmoid: [(z) => 1 / (1 + Math.exp(-z)), (a) => a * (1 - a)],
  linear: [(z) => z, () => 1],
};

const FEATURES = {
  x1: (x) => x[0],
  x2: (x) => x[1],
  "x1**2": (x) => x[0] * x[0],
  "x2**2": (x) => x[1] * x[1],
  "x1*x2": (x) => x[0] * x[1],
  "sin(2*x1)": (x) => Math.sin(2 * x[0]),
  "sin(2*x2)": (x) => Math.sin(2 * x[1]),
};

/** Numbers in [0, 1) that a seed repeats (mulberry32, Tommy Ettinger, public domain). */
function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The inputs of the network for points [x1, x2, ...]: Float64Array, one row a point. */
function inputs(points, names) {
  const X = new Float64Array(points.length * names.length);
  points.forEach((point, i) => names.forEach((name, j) => (X[i * names.length + j] = FEATURES[name](point))));
  return X;
}

class Network {
  /** sizes: inputs, units of each hidden layer; the one output is added. Glorot's uniform weights, He's for ReLU. */
  constructor(sizes, activation, seed) {
    this.sizes = [...sizes, 1];
    this.activation = activation;
    this.random = randomNumbers(seed);
    this.layers = []; // where each layer's kernel and bias begin in `theta`
    let length = 0;
    for (let k = 0; k + 1 < this.sizes.length; k++) {
      const [fanIn, fanOut] = [this.sizes[k], this.sizes[k + 1]];
      this.layers.push({ fanIn, fanOut, kernel: length, bias: length + fanIn * fanOut });
      length += (fanIn + 1) * fanOut;
    }
    this.theta = new Float64Array(length);
    for (const { fanIn, fanOut, kernel, bias } of this.layers) {
      const limit = Math.sqrt(6 / (activation === "relu" ? fanIn : fanIn + fanOut));
      for (let i = kernel; i < bias; i++) this.theta[i] = limit * (2 * this.random() - 1);
    }
    [this.mean, this.square, this.steps] = [new Float64Array(length), new Float64Array(length), 0];
  }

  /** What every layer gives for n points: the inputs, the hidden layers, the logits. */
  forward(X, n) {
    const outputs = [X];
    const act = ACTIVATIONS[this.activation][0];
    this.layers.forEach(({ fanIn, fanOut, kernel, bias }, k) => {
      const [A, B] = [outputs[k], new Float64Array(n * fanOut)];
      const hidden = k + 1 < this.layers.length;
      for (let i = 0; i < n; i++) {
        for (let o = 0; o < fanOut; o++) {
          let z = this.theta[bias + o];
          for (let j = 0; j < fanIn; j++) z += A[i * fanIn + j] * this.theta[kernel + j * fanOut + o];
          B[i * fanOut + o] = hidden ? act(z) : z;
        }
      }
      outputs.push(B);
    });
    return outputs;
  }

  /** Mean cross-entropy, without the penalty, and the share of points on the right side. */
  evaluate(X, y) {
    const logits = this.forward(X, y.length).at(-1);
    let [loss, right] = [0, 0];
    logits.forEach((z, i) => {
      loss += Math.max(z, 0) - z * y[i] + Math.log1p(Math.exp(-Math.abs(z)));
      right += z > 0 === y[i] > 0.5;
    });
    return { loss: loss / y.length, accuracy: right / y.length };
  }

  /** The gradient of: mean cross-entropy + l2 times the sum of the squared kernels. As long as `theta`. */
  gradient(X, y, l2) {
    const n = y.length;
    const outputs = this.forward(X, n);
    const slope = ACTIVATIONS[this.activation][1];
    const gradient = new Float64Array(this.theta.length);
    // For sigmoid and cross-entropy together the derivative by the logit is (p - y).
    let delta = outputs.at(-1).map((z, i) => (1 / (1 + Math.exp(-z)) - y[i]) / n);
    for (let k = this.layers.length - 1; k >= 0; k--) {
      const { fanIn, fanOut, kernel, bias } = this.layers[k];
      const A = outputs[k];
      const before = new Float64Array(n * fanIn);
      for (let i = 0; i < n; i++) {
        for (let o = 0; o < fanOut; o++) {
          const d = delta[i * fanOut + o];
          gradient[bias + o] += d;
          for (let j = 0; j < fanIn; j++) {
            gradient[kernel + j * fanOut + o] += d * A[i * fanIn + j];
            before[i * fanIn + j] += d * this.theta[kernel + j * fanOut + o];
          }
        }
      }
      for (let i = kernel; i < bias; i++) gradient[i] += 2 * l2 * this.theta[i];
      delta = k > 0 ? before.map((d, i) => d * slope(A[i])) : before;
    }
    return gradient;
  }

  /** One step of Adam (Kingma and Ba, 2015, arXiv:1412.6980), with their constants. */
  step(X, y, learningRate, l2) {
    const gradient = this.gradient(X, y, l2);
    this.steps += 1;
    const rate = (learningRate * Math.sqrt(1 - 0.999 ** this.steps)) / (1 - 0.9 ** this.steps);
    gradient.forEach((g, i) => {
      this.mean[i] += 0.1 * (g - this.mean[i]);
      this.square[i] += 0.001 * (g * g - this.square[i]);
      this.theta[i] -= (rate * this.mean[i]) / (Math.sqrt(this.square[i]) + 1e-8);
    });
  }

  /** Every point once, in mini-batches in random order. */
  epoch(X, y, learningRate, l2, batch = 50) {
    const [n, width] = [y.length, this.sizes[0]];
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(this.random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    for (let start = 0; start < n; start += batch) {
      const chosen = order.slice(start, start + batch);
      const rows = new Float64Array(chosen.length * width);
      chosen.forEach((i, row) => rows.set(X.subarray(i * width, (i + 1) * width), row * width));
      this.step(rows, Float64Array.from(chosen, (i) => y[i]), learningRate, l2);
    }
  }
}
