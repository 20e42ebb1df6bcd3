package backends

// Exp is e^x.
func Exp(x float64) float64 { return exp(x) }

// Expm1 is e^x - 1.
func Expm1(x float64) float64 { return expm1(x) }

// Log is the natural logarithm of x.
func Log(x float64) float64 { return log(x) }

// Log1p is log(1+x).
func Log1p(x float64) float64 { return log1p(x) }

// Sin is the sine of x.
func Sin(x float64) float64 { return sin(x) }

// Cos is the cosine of x.
func Cos(x float64) float64 { return cos(x) }

// Tanh is the hyperbolic tangent of x.
func Tanh(x float64) float64 { return tanh(x) }

// Sigmoid is 1/(1+e^-x).
func Sigmoid(x float64) float64 { return sigmoid(x) }

// Softplus is log(1+e^x).
func Softplus(x float64) float64 { return softplus(x) }

// Erf is the error function of x.
func Erf(x float64) float64 { return erf(x) }

// Erfc is 1 - erf(x).
func Erfc(x float64) float64 { return erfc(x) }

// Pow is x to the power y.
func Pow(x, y float64) float64 { return pow(x, y) }
