package figure

import (
	"math"
	"strconv"
	"strings"
)

// grouped writes a count with commas: 10,000.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, digit := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// exponent is the power of ten of the first digit of v, which is not 0.
func exponent(v float64) int {
	_, power, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	e, _ := strconv.Atoi(power)
	return e
}

// number writes v rounded to the digit at 10^place, plain if that is short and in scientific notation else.
// size is the largest number beside it, which decides between the two.
func number(v, size float64, place int) string {
	largest := exponent(size)
	if largest >= 5 || place < -5 {
		if v == 0 {
			return "0"
		}
		digits := min(max(exponent(v)-place, 0), 16)
		mantissa, power, _ := strings.Cut(strconv.FormatFloat(v, 'e', digits, 64), "e")
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		e, _ := strconv.Atoi(power)
		return mantissa + "e" + strconv.Itoa(e)
	}
	s := strconv.FormatFloat(v, 'f', max(-place, 0), 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return s
}

// ends writes the two ends of a window, to a hundredth of its width.
func (w window) ends() (lo, hi string) {
	size := max(math.Abs(w.lo), math.Abs(w.hi))
	place := exponent(w.width()) - 1
	return number(w.lo, size, place), number(w.hi, size, place)
}

// tick is a mark on an axis.
type tick struct {
	value float64
	label string
}

// ticks are the multiples of 1, 2 or 5 times a power of ten in the window: as many as there can be, but at
// most most (at least 2). A window too narrow for its distance from 0 has none.
func (w window) ticks(most int) []tick {
	for power := exponent(w.width()) - 2; ; power++ {
		for _, factor := range []string{"1", "2", "5"} {
			step, err := strconv.ParseFloat(factor+"e"+strconv.Itoa(power), 64)
			if err != nil || math.Abs(w.lo)/step > 1e15 || math.Abs(w.hi)/step > 1e15 {
				return nil
			}
			if step == 0 {
				continue
			}
			first, last := math.Ceil(w.lo/step), math.Floor(w.hi/step)
			if last-first+1 > float64(most) {
				continue
			}
			size := max(math.Abs(first), math.Abs(last), 1) * step
			var marks []tick
			for i := first; i <= last; i++ {
				value := i * step
				marks = append(marks, tick{value, number(value, size, power)})
			}
			return marks
		}
	}
}
