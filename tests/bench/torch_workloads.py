"""W1, W2 and W4 in eager PyTorch, as its users would write them: batched, one thread, gradients by autograd.

Called as `torch_workloads.py WORKLOAD f64|f32 THREADS`. First the objective on the benchmark's own noise (README.md) is held to its
known value; then each line of standard input is answered by the seconds of one gradient, its noise included.
"""
import math
import sys
import time

import numpy as np
import torch

name, precision, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.set_default_dtype(torch.float64 if precision == "f64" else torch.float32)


def uniform(seed, count, first=0):
    with np.errstate(over="ignore"):
        k = np.arange(first, first + count, dtype=np.uint64)
        z = np.uint64((seed * 0xD1342543DE82EF95) % 2**64) + (k + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z ^= z >> np.uint64(30)
        z *= np.uint64(0xBF58476D1CE4E5B9)
        z ^= z >> np.uint64(27)
        z *= np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(seed, count):
    u = uniform(seed, 2 * count).reshape(count, 2)
    return np.sqrt(-2 * np.log(u[:, 0])) * np.cos(2 * math.pi * u[:, 1])


def tensor(values):
    return torch.tensor(values, dtype=torch.get_default_dtype())


def pendulum(policy, seed, samples):
    th0 = tensor((2 * uniform(seed + 1, samples) - 1) * math.pi)
    w0 = tensor(2 * uniform(seed + 2, samples) - 1)

    def objective(eps):
        th, w, total = th0, w0, 0
        for t in range(200):
            s, c = torch.sin(th), torch.cos(th)
            u = 2 * torch.tanh(policy(s, c, w, eps[t]))
            total = total - ((1 - c) + 0.1 * w * w + 0.001 * u * u)
            w = w + 0.05 * (15 * s + 3 * u)
            th = th + 0.05 * w
        return total.mean()

    return objective


def w1():
    p = tensor([0.1, -0.2, -0.3, 0.05, -0.7]).requires_grad_()
    objective = pendulum(lambda s, c, w, eps: p[0] * s + p[1] * c + p[2] * w + p[3] + p[4].exp() * eps, 101, 1024)
    return [p], objective, (200, 1024), 101, -413.830617242


def w2():
    flat = 2 * uniform(204, 4481) - 1
    flat[:256] /= math.sqrt(3)
    flat[256:] /= 8
    shapes = [(64, 3), (64,), (64, 64), (64,), (1, 64), (1,)]
    sizes = np.cumsum([0] + [math.prod(shape) for shape in shapes])
    params = [tensor(flat[a:b].reshape(s)).requires_grad_() for a, b, s in zip(sizes, sizes[1:], shapes)]
    a1, b1, a2, b2, a3, b3 = params
    log_std = tensor(-0.7).requires_grad_()

    def policy(s, c, w, eps):
        h = torch.tanh(torch.addmm(b1, torch.stack([s, c, w], 1), a1.T))
        h = torch.tanh(torch.addmm(b2, h, a2.T))
        return torch.addmm(b3, h, a3.T)[:, 0] + log_std.exp() * eps

    return params + [log_std], pendulum(policy, 201, 256), (200, 256), 201, -453.319778739


def w4():
    A = tensor(0.9 * np.eye(16) + 0.02 * normal(403, 256).reshape(16, 16))
    B = tensor(0.1 * normal(404, 64).reshape(16, 4))
    l = 0.02 * normal(405, 256).reshape(16, 16)
    L = tensor(np.tril(l, -1) + np.diag(0.1 + np.abs(np.diag(l))))
    K = tensor(-0.1 * normal(406, 64).reshape(4, 16)).requires_grad_()
    x0 = tensor(normal(402, 16 * 512).reshape(16, 512))

    def objective(eps):
        x, total = x0, 0
        for t in range(100):
            a = K @ x
            total = total + (x * x).sum(0) + 0.1 * (a * a).sum(0)
            x = A @ x + B @ a + L @ eps[t]
        return total.mean()

    return [K], objective, (100, 16, 512), 401, 383.003763789


params, objective, noise, seed, expected = {"w1": w1, "w2": w2, "w4": w4}[name]()
found = objective(tensor(normal(seed, math.prod(noise)).reshape(noise))).item()
if abs(found / expected - 1) > (1e-9 if precision == "f64" else 1e-3):
    sys.exit(f"{name}: PyTorch's objective on the benchmark's noise is {found}, not {expected}")
print("ready", flush=True)
for _ in sys.stdin:
    begin = time.perf_counter()
    for param in params:
        param.grad = None
    objective(torch.randn(noise)).backward()
    print(time.perf_counter() - begin, flush=True)
