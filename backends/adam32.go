package backends

// adam32 is a step of Adam (Kingma and Ba, 2015) with decoupled weight decay (Loshchilov and Hutter, 2019) for one
// parameter p with gradient g and moments m and v:
//
//	m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2,
//	p = p - rate wd p - rate c1 m / (sqrt(c2 v) + epsilon),   c = 1/(1 - beta^step).
//
// first is 1 - beta1, second 1 - beta2, size rate c1, correction c2 and decay rate wd. The means are taken as
// m + (1 - beta1)(g - m), so that their two weights sum to 1 exactly.
func adam32(p, m, v, g, first, second, size, correction, epsilon, decay float32) (p1, m1, v1 float32) {
	m1 = FMA32(first, g-m, m)
	v1 = FMA32(second, FMA32(g, g, -v), v)
	direction := m1 / (sqrt32(float32(v1*correction)) + epsilon)
	p1 = FMA32(-size, direction, FMA32(-decay, p, p))
	return p1, m1, v1
}
