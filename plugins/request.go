package plugins

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/protocol"
)

// request is an evaluation: count points of a block, from the point from on, and where the results go.
type request struct {
	handle uint32
	model  *protocol.Model // as opened
	want   protocol.Want

	x           *lanes.Block
	from, count int
	sigma       float64 // of a model with noise
	given       []givenVector
	seed, first uint64 // of SIMULATE; first is the number of point from

	logp []float64    // nil where it is not asked for; of the whole block
	out  *lanes.Block // gradient, score or draws; nil where none is asked for

	compute uint64 // nanoseconds that the plug-in says it took
}

// givenVector is a conditioning vector with its name.
type givenVector struct {
	name   string
	values []float64
}

// inputs describes what is sent.
func (r *request) inputs(tensors []protocol.Tensor) []protocol.Tensor {
	dtype := r.model.Element()
	tensors = append(tensors, protocol.Of(protocol.NameX, dtype, r.x.Dim(), r.count))
	if r.want == protocol.Score {
		if r.model.Noise {
			tensors = append(tensors, protocol.Of(protocol.NameSigma, dtype, 1))
		}
		for _, g := range r.given {
			tensors = append(tensors, protocol.Of(g.name, dtype, len(g.values)))
		}
	}
	return tensors
}

// results describes what is to come back.
func (r *request) results(tensors []protocol.Tensor) []protocol.Tensor {
	dtype := r.model.Element()
	if r.logp != nil {
		tensors = append(tensors, protocol.Of(protocol.NameLogP, dtype, r.count))
	}
	if r.out != nil {
		tensors = append(tensors, protocol.Of(r.outName(), dtype, r.out.Dim(), r.count))
	}
	return tensors
}

func (r *request) outName() string {
	switch {
	case r.want&protocol.Score != 0:
		return protocol.NameScore
	case r.want&protocol.Simulate != 0:
		return protocol.NameDraw
	}
	return protocol.NameGrad
}

// put writes the elements of the i-th input.
func (r *request) put(i int, t *protocol.Tensor, memory []byte) {
	switch {
	case i == 0:
		size := int(t.DType.Size()) * r.count
		for j := range r.x.Dim() {
			protocol.Put(memory[j*size:(j+1)*size], t.DType, r.x.Row(j)[r.from:r.from+r.count])
		}
	case r.model.Noise && i == 1:
		sigma := [1]float64{r.sigma}
		protocol.Put(memory, t.DType, sigma[:])
	default:
		g := i - 1
		if r.model.Noise {
			g--
		}
		protocol.Put(memory, t.DType, r.given[g].values)
	}
}

// take checks a reply and writes its results. It writes nothing if there is an error. status is memory for that of the rows,
// which is copied before it is looked at: the plug-in may still write to shared memory.
func (r *request) take(tensors []protocol.Tensor, status *[]byte) error {
	dtype := r.model.Element()
	logp, err := r.pick(tensors, r.logp != nil, protocol.NameLogP, dtype, r.count)
	if err != nil {
		return err
	}
	var out *protocol.Tensor
	if r.out != nil {
		if out, err = r.pick(tensors, true, r.outName(), dtype, r.out.Dim(), r.count); err != nil {
			return err
		}
	}
	rows := []byte(nil)
	if t := protocol.Find(tensors, protocol.NameStatus); t != nil {
		if !t.Is(protocol.Uint8, r.count) {
			return fmt.Errorf("%w: its reply has a %s, and the status of %d rows is uint8", protocol.ErrFrame, t, r.count)
		}
		*status = append((*status)[:0], t.Data...)
		rows = *status
		for i, s := range rows {
			if s == protocol.Failed {
				return &protocol.Error{Code: protocol.Internal, Message: fmt.Sprintf("it fails at point %d, x = %s", r.from+i, formatPoint(r.x, r.from+i))}
			}
			if s > protocol.Failed {
				return fmt.Errorf("%w: the status of row %d is %d, which is not known", protocol.ErrFrame, i, s)
			}
		}
	}
	if logp != nil {
		protocol.Get(r.logp[r.from:r.from+r.count], dtype, logp.Data)
	}
	if out != nil {
		size := int(dtype.Size()) * r.count
		for j := range r.out.Dim() {
			protocol.Get(r.out.Row(j)[r.from:r.from+r.count], dtype, out.Data[j*size:(j+1)*size])
		}
		if r.want&protocol.Score != 0 {
			r.toScore()
		}
	}
	for i, s := range rows {
		if s != protocol.OK {
			r.mark(r.from+i, s)
		}
	}
	return nil
}

// pick is the result of a name, which must have a shape.
func (r *request) pick(tensors []protocol.Tensor, wanted bool, name string, dtype protocol.DType, shape ...int) (*protocol.Tensor, error) {
	if !wanted {
		return nil, nil
	}
	t := protocol.Find(tensors, name)
	if t == nil {
		return nil, fmt.Errorf("%w: its reply has no %s", protocol.ErrFrame, name)
	}
	if !t.Is(dtype, shape...) {
		want := protocol.Of(name, dtype, shape...)
		return nil, fmt.Errorf("%w: its reply has a %s, and not a %s", protocol.ErrFrame, t, &want)
	}
	return t, nil
}

// mark gives a point the numbers that its status stands for.
func (r *request) mark(i int, status byte) {
	logp, slope := math.Inf(-1), 0.0
	if status == protocol.Numerical {
		logp, slope = math.NaN(), math.NaN()
	}
	if r.logp != nil {
		r.logp[i] = logp
	}
	if r.out != nil {
		for j := range r.out.Dim() {
			r.out.Row(j)[i] = slope
		}
	}
}

// toScore turns what the model calls its score into the score.
func (r *request) toScore() {
	switch r.model.ScoreParam {
	case protocol.ParamEps:
		for j := range r.out.Dim() {
			row := r.out.Row(j)[r.from : r.from+r.count]
			for i, eps := range row {
				row[i] = -eps / r.sigma
			}
		}
	case protocol.ParamX0:
		variance := r.sigma * r.sigma
		for j := range r.out.Dim() {
			row, x := r.out.Row(j)[r.from:r.from+r.count], r.x.Row(j)[r.from:r.from+r.count]
			for i, x0 := range row {
				row[i] = (x0 - x[i]) / variance
			}
		}
	}
}

// formatPoint writes the coordinates of a point, of many only the first.
func formatPoint(x *lanes.Block, i int) string {
	const most = 8
	values := make([]any, 0, most)
	for j := range min(x.Dim(), most) {
		values = append(values, x.Row(j)[i])
	}
	text := fmt.Sprint(values...)
	if x.Dim() > most {
		text += fmt.Sprintf(" ... (%d coordinates)", x.Dim())
	}
	return "(" + text + ")"
}
