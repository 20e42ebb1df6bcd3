package backends

// The functions of this file are the kernels for one number: the same bits, at the price of a call. A bound in ulp says
// how far a result may lie from the exact one, in units of the last of its 53 bits (of 2^-1074 if it is subnormal).
// NaN gives NaN, and what a limit gives at an infinity is what the function gives there. No result is flushed to zero.

// Exp is e^x, within 0.95 ulp: infinite above 709.7827 and 0 below -745.1332.
func Exp(x float64) float64 { return exp(x) }

// Expm1 is e^x - 1, within 1.2 ulp, also near 0.
func Expm1(x float64) float64 { return expm1(x) }

// Log is the natural logarithm of x, within 0.8 ulp: -Inf at 0 and NaN below.
func Log(x float64) float64 { return log(x) }

// Log1p is log(1+x), within 0.8 ulp, also near 0: -Inf at -1 and NaN below.
func Log1p(x float64) float64 { return log1p(x) }

// Pow is x to the power y, within 1.2 ulp, with the special cases of C99: Pow(x, 0) and Pow(1, y) are 1 for every x and
// y, and a negative finite x has powers that are numbers only for integers y.
func Pow(x, y float64) float64 { return pow(x, y) }

// Sin is the sine of x radians, within 0.85 ulp for |x| up to 2^40, and NaN beyond.
func Sin(x float64) float64 { return sin(x) }

// Cos is the cosine of x radians, within 0.85 ulp for |x| up to 2^40, and NaN beyond.
func Cos(x float64) float64 { return cos(x) }

// Tanh is the hyperbolic tangent of x, within 1.4 ulp.
func Tanh(x float64) float64 { return tanh(x) }

// Sigmoid is 1/(1+e^-x), within 2 ulp.
func Sigmoid(x float64) float64 { return sigmoid(x) }

// Softplus is log(1+e^x), within 2 ulp.
func Softplus(x float64) float64 { return softplus(x) }

// Erf is the error function of x, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, within 1.5 ulp.
func Erf(x float64) float64 { return erf(x) }

// Erfc is 1 - erf(x), within 3.5 ulp: it is 0 only beyond 27.2.
func Erfc(x float64) float64 { return erfc(x) }

// Lgamma is log|Gamma(x)|, within 4 ulp for x >= -1/2. Below, where it has zeros, it is within 4 ulp or within
// 2^-51 (1 + |Lgamma(-x)|). It is +Inf at 0, at the negative integers and at both infinities.
func Lgamma(x float64) float64 { return lgamma(x) }

// Digamma is the derivative of Lgamma, within 4 ulp for x > 0. Below, where it has zeros, it is within 4 ulp or within
// 2^-51 (1 + |Digamma(1-x)|). It is -Inf at 0, +Inf at -0 and NaN at the negative integers.
func Digamma(x float64) float64 { return digamma(x) }

// Trigamma is the second derivative of Lgamma, within 4.5 ulp: +Inf at 0 and at the negative integers.
func Trigamma(x float64) float64 { return trigamma(x) }
