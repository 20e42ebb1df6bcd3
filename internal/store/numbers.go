package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// FromFloat64s is a tensor of type F64. Whether the values fill the shape is seen where it is written. NaN has
// one bit pattern.
func FromFloat64s(name string, values []float64, shape ...int) Tensor {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		if math.IsNaN(v) {
			v = math.NaN()
		}
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	return Tensor{Name: name, Type: "F64", Shape: slices.Clone(shape), Data: data}
}

// FromFloat32s is a tensor of type F32, otherwise as [FromFloat64s].
func FromFloat32s(name string, values []float32, shape ...int) Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		if math.IsNaN(float64(v)) {
			v = float32(math.NaN())
		}
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Tensor{Name: name, Type: "F32", Shape: slices.Clone(shape), Data: data}
}

// Float32s returns the numbers of a tensor of type F32, BF16 or F16, each of them exactly. Any other type is an
// error, F64 too, as it would be rounded.
func (t Tensor) Float32s() ([]float32, error) {
	if err := t.whole(); err != nil {
		return nil, err
	}
	switch t.Type {
	case "F32":
		values := make([]float32, len(t.Data)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		return values, nil
	case "BF16": // the upper half of an F32
		values := make([]float32, len(t.Data)/2)
		for i := range values {
			values[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
		return values, nil
	case "F16":
		values := make([]float32, len(t.Data)/2)
		for i := range values {
			values[i] = half(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
		return values, nil
	case "F64":
		return nil, fmt.Errorf("tensor %.99q: F64 would be rounded to float32: read it as float64", t.Name)
	}
	return nil, fmt.Errorf("tensor %.99q: type %s holds no floating-point numbers that are read here: F64, F32, BF16 and F16 are", t.Name, t.Type)
}

// Float64s returns the numbers of a tensor of type F64, F32, BF16 or F16, each of them exactly.
func (t Tensor) Float64s() ([]float64, error) {
	if t.Type != "F64" {
		narrow, err := t.Float32s()
		if err != nil {
			return nil, err
		}
		values := make([]float64, len(narrow))
		for i, v := range narrow {
			values[i] = float64(v)
		}
		return values, nil
	}
	if err := t.whole(); err != nil {
		return nil, err
	}
	values := make([]float64, len(t.Data)/8)
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:]))
	}
	return values, nil
}

// whole makes sure that the data fit the shape.
func (t Tensor) whole() error {
	return checkTensors([]Tensor{t})
}

// half is the value of an IEEE 754 binary16: a sign, five bits of exponent, ten of fraction.
func half(b uint16) float32 {
	sign, exponent, fraction := uint32(b>>15)<<31, uint32(b>>10)&31, uint32(b)&1023
	switch exponent {
	case 0: // zero and subnormal: fraction times 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31: // infinity and NaN
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
