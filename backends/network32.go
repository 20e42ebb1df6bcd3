package backends

// Activations of networks, and what passes their gradients on, in float32.

// elu32 is x above 0, else exp(x) - 1 (Clevert, Unterthiner and Hochreiter, 2016).
func elu32(x float32) float32 { return where32(x > 0, x, expm132(x)) }

// eluGradient32 is the gradient d at a result y of elu32, passed on.
func eluGradient32(y, d float32) float32 { return where32(y > 0, d, float32(d*(y+1))) }

// silu32 is x times its sigmoid s.
func silu32(x float32) float32 { return float32(x * sigmoid32(x)) }

// siluGradient32 is the gradient d at a result y of silu32, passed on, where s is the sigmoid: the derivative is
// s + y (1 - s).
func siluGradient32(s, y, d float32) float32 { return float32(d * FMA32(y, 1-s, s)) }
