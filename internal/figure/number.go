package figure

import (
	"math"
	"strconv"
	"strings"
)

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

// digits writes v to three digits.
func digits(v float64) string {
	if v == 0 || !finite(v) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strings.ReplaceAll(number(v, v, exponent(v)-2), "-", minus)
}

// ends writes the two ends of a window, to a hundredth of its width.
func (w window) ends() (lo, hi string) {
	size := max(math.Abs(w.lo), math.Abs(w.hi))
	place := exponent(w.width()) - 1
	return number(w.lo, size, place), number(w.hi, size, place)
}

// tick is a mark on an axis, small if it has no label.
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

// logTicks are the ticks of a window of decimal logarithms, at most most with labels (at least 2). They are
// powers of ten if three of them fit; else 1, 2 and 5 times these; else round numbers an equal step apart.
func (w window) logTicks(most int) []tick {
	decades := w.decades(most)
	if math.Floor(w.hi)-math.Ceil(w.lo) >= 2 {
		return decades
	}
	for _, labelled := range []string{"125", "15"} {
		var marks []tick
		labels := 0
		for power := math.Floor(w.lo); power <= w.hi; power++ {
			for factor := 1; factor <= 9; factor++ {
				t := tick{value: power + math.Log10(float64(factor))}
				if strings.Contains(labelled, strconv.Itoa(factor)) {
					t.label = label(strconv.Itoa(factor), int(power))
				}
				if !w.contains(t.value) {
					continue
				}
				marks = append(marks, t)
				if t.label != "" {
					labels++
				}
			}
		}
		if labels > 2 && labels <= most {
			return marks
		}
	}
	plain := window{math.Pow(10, w.lo), math.Pow(10, w.hi)}
	if w.width() > 1 || !(plain.width() > 0) || !finite(plain.width()) {
		return decades
	}
	marks := plain.ticks(most)
	for i := range marks {
		marks[i].value = math.Log10(marks[i].value)
	}
	return marks
}

// decades are powers of ten, every one or every second, third, ... labelled, with small ticks between neighbours.
func (w window) decades(most int) []tick {
	first, last := math.Ceil(w.lo), math.Floor(w.hi)
	every := max(math.Ceil((last-first+1)/float64(most)), 1)
	var marks []tick
	for power := math.Floor(w.lo); power <= last; power++ {
		if power >= first {
			t := tick{value: power}
			if math.Mod(power, every) == 0 {
				t.label = label("1", int(power))
			}
			if t.label != "" || last-first < 60 {
				marks = append(marks, t)
			}
		}
		for factor := 2; factor <= 9 && every == 1; factor++ {
			if value := power + math.Log10(float64(factor)); w.contains(value) {
				marks = append(marks, tick{value: value})
			}
		}
	}
	return marks
}

// label writes a digit times a power of ten.
func label(digit string, power int) string {
	if power < -3 || power > 4 {
		return digit + "e" + strconv.Itoa(power)
	}
	v, _ := strconv.ParseFloat(digit+"e"+strconv.Itoa(power), 64)
	return strconv.FormatFloat(v, 'f', -1, 64)
}
