//go:build !noasm

package backends

import "github.com/klauspost/cpuid/v2"

// assembly lists the tables whose instructions this machine has, the widest first.
func assembly() []*Table {
	var tables []*Table
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512BW) {
		tables = append(tables, &tableAVX512)
	}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		tables = append(tables, &tableAVX2)
	}
	return tables
}

// peakLoop is a loop of multiply-adds and the number of float64 lanes in each.
func peakLoop(t *Table) (loop func(n int), lanes int) {
	switch t {
	case &tableAVX512:
		return peakAVX512Loop, 8
	case &tableAVX2:
		return peakAVX2Loop, 4
	}
	return nil, 0
}
