package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/internal/store"
)

// A checkpoint is a safetensors file. Its tensors are the weights under their own names, Adam's means (adam.mean., adam.square.), the
// average (average.) and the best weights (best.) under these prefixes, and curve, [points, 4]: step, loss, rate, validation loss.
// Its metadata say which training it belongs to (identity) and how far that was (position).
const (
	checkpointFormat = "infer training checkpoint 1"
	metaFormat       = "format"
	metaIdentity     = "identity"
	metaPosition     = "position"
	curveName        = "training.curve"

	keptCheckpoints = 3
)

// position is the numbers of a state. Floating-point numbers travel as the hexadecimal digits of their bits.
type position struct {
	Step       int
	Averagings int
	Loss       string
	Losses     int
	Validation string
	BestLoss   string
	BestStep   int
	Stale      int
	Done       bool
	Due        bool `json:",omitempty"`
}

// identify lists what two trainings must have in common for one to go on where the other stopped, each with what it is called.
func (t *trainer) identify(all *rows) string {
	levels := "none"
	if t.Levels != nil {
		h := sha256.New()
		const probes = 64
		for i := range probes {
			fmt.Fprintln(h, bitsText(t.Levels.Level((float64(i)+0.5)/probes)))
		}
		levels = fmt.Sprintf("%v (%.16s)", t.Levels, hex.EncodeToString(h.Sum(nil)))
	}
	rate := fmt.Sprintf("%v, warm-up %d, %v", t.Rate.Peak, t.Rate.WarmUp, t.Rate.Decay)
	if t.Rate.Decay != Constant {
		rate += fmt.Sprintf(" from %v to %v, %d steps", t.Rate.From, t.Rate.Floor, t.Steps)
	}
	formula := sha256.Sum256(t.plan.formula)
	identity := [][2]string{
		{"the epoch of reproducibility", strconv.Itoa(Epoch)},
		{"the seed", strconv.FormatUint(t.Seed, 10)},
		{"the data", fmt.Sprintf("%d rows of %d columns (%.16s)", all.count, all.dim, all.hash())},
		{"the noise levels", levels},
		{"the network and its loss", fmt.Sprintf("%d parameters (%.16s)", t.plan.params.Count(), hex.EncodeToString(formula[:]))},
		{"the batch", strconv.Itoa(t.Batch)},
		{"the group", strconv.Itoa(t.Group)},
		{"the learning rate", rate},
		{"Adam", fmt.Sprintf("beta %v and %v, epsilon %v, weight decay %v", t.Adam.Beta1, t.Adam.Beta2, t.Adam.Epsilon, t.Adam.WeightDecay)},
		{"the clipping of the gradient", fmt.Sprint(t.Clip)},
		{"the average of the weights", fmt.Sprint(t.EMA)},
		{"the validation", fmt.Sprintf("share %v, every %d steps, patience %d", t.Validation.Share, t.Validation.Every, t.Validation.Patience)},
	}
	if all.given != nil {
		identity = append(identity, [2]string{"what is given for the rows", fmt.Sprintf("%d elements (%.16s), %v dropped", all.givenSize, hash(all.given), t.DropGiven)})
	}
	if t.Convolution != autodiff.Direct {
		identity = append(identity, [2]string{convolutionName, t.Convolution.String()})
	}
	text, _ := json.Marshal(identity) // strings always marshal
	return string(text)
}

// DifferentTrainingError says that a checkpoint belongs to another training.
type DifferentTrainingError struct {
	What              string // what differs
	Checkpoint, Asked string // its value there, and in the config
}

func (e *DifferentTrainingError) Error() string {
	return fmt.Sprintf("the checkpoint is of another training: %s is %s there and %s here: resume with the settings of the checkpoint, or start anew without it", e.What, e.Checkpoint, e.Asked)
}

// convolutionName is what identities call the way of convolutions, if it is not direct.
const convolutionName = "the way of convolutions"

// convolutionIn is the way of convolutions of an identity, which is left without it.
func convolutionIn(identity *[][2]string) string {
	for i, entry := range *identity {
		if entry[0] == convolutionName {
			*identity = slices.Delete(*identity, i, i+1)
			return entry[1]
		}
	}
	return autodiff.Direct.String()
}

// differs compares two identities.
func differs(there, here string) error {
	var a, b [][2]string
	if err := json.Unmarshal([]byte(there), &a); err != nil {
		return fmt.Errorf("%w: its identity cannot be read: %w", store.ErrCorrupt, err)
	}
	if err := json.Unmarshal([]byte(here), &b); err != nil {
		return err
	}
	if x, y := convolutionIn(&a), convolutionIn(&b); x != y {
		return &DifferentTrainingError{What: convolutionName, Checkpoint: x, Asked: y}
	}
	for i := range b {
		if i >= len(a) || a[i][0] != b[i][0] {
			return fmt.Errorf("%w: its identity lacks %s", store.ErrCorrupt, b[i][0])
		}
		if a[i][1] != b[i][1] {
			return &DifferentTrainingError{What: a[i][0], Checkpoint: a[i][1], Asked: b[i][1]}
		}
	}
	return nil
}

// save writes a checkpoint. One that is written, but may not outlast a loss of power, or stands beside one too many, is a note.
func (t *trainer) save() error {
	s := &t.state
	if !finite(s.weights) {
		return &DivergedError{Step: s.step, Loss: math.NaN(), Rate: t.Rate.at(max(s.step-1, 0), t.Steps)}
	}
	text, err := json.Marshal(position{
		Step: s.step, Averagings: s.averagings, Loss: bitsText(s.loss), Losses: s.losses,
		Validation: bitsText(s.validation), BestLoss: bitsText(s.bestLoss), BestStep: s.bestStep, Stale: s.stale, Done: s.done, Due: s.due,
	})
	if err != nil {
		return fmt.Errorf("train: checkpoint of %s: %w", t.Checkpoint, err)
	}
	content := store.Safetensors{Metadata: map[string]string{
		metaFormat: checkpointFormat, metaIdentity: t.identity, metaPosition: string(text),
	}}
	names, shapes := t.plan.params.Names(), t.plan.params.Shapes()
	for _, v := range s.vectors() {
		for i, name := range names {
			content.Tensors = append(content.Tensors, store.FromFloat32s(v.prefix+name, t.plan.of(v.values, i), shapes[i]...))
		}
	}
	curve := make([]float64, 0, curveColumns*len(s.curve))
	for _, p := range s.curve {
		curve = append(curve, float64(p.Step), p.Loss, p.Rate, p.Validation)
	}
	content.Tensors = append(content.Tensors, store.FromFloat64s(curveName, curve, len(s.curve), curveColumns))

	err = store.WriteRotatingOn(t.files, t.Checkpoint, s.step, content, keptCheckpoints)
	var uncertain *store.UncertainError
	var leftover *store.LeftoverError
	if errors.As(err, &uncertain) || errors.As(err, &leftover) {
		t.note("%v", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("train: checkpoint after %d steps: %w", s.step, err)
	}
	return nil
}

const curveColumns = 4

// restore takes the state of a checkpoint.
func (t *trainer) restore(found store.Newest) error {
	if format := found.Metadata[metaFormat]; format != checkpointFormat {
		return fmt.Errorf("its format is %q, and this program reads %q: use the program that wrote it", format, checkpointFormat)
	}
	if err := differs(found.Metadata[metaIdentity], t.identity); err != nil {
		return err
	}
	var p position
	if err := json.Unmarshal([]byte(found.Metadata[metaPosition]), &p); err != nil {
		return fmt.Errorf("%w: its position cannot be read: %w", store.ErrCorrupt, err)
	}
	s := t.newState()
	s.step, s.averagings, s.losses, s.bestStep, s.stale, s.done, s.due = p.Step, p.Averagings, p.Losses, p.BestStep, p.Stale, p.Done, p.Due
	if s.step < 0 || s.averagings < 0 || s.losses < 0 || s.bestStep < 0 || s.stale < 0 {
		return fmt.Errorf("%w: its position has a negative number", store.ErrCorrupt)
	}
	if s.step > t.Steps {
		return fmt.Errorf("it was written after %d steps, and %d are asked for: ask for more", s.step, t.Steps)
	}
	for _, number := range []struct {
		to   *float64
		text string
	}{{&s.loss, p.Loss}, {&s.validation, p.Validation}, {&s.bestLoss, p.BestLoss}} {
		bits, err := strconv.ParseUint(number.text, 16, 64)
		if err != nil {
			return fmt.Errorf("%w: its position has the number %q", store.ErrCorrupt, number.text)
		}
		*number.to = math.Float64frombits(bits)
	}
	names := t.plan.params.Names()
	for _, v := range s.vectors() {
		for i, name := range names {
			if err := fill(t.plan.of(v.values, i), found.Safetensors, v.prefix+name); err != nil {
				return err
			}
		}
	}
	tensor, _ := found.Find(curveName)
	curve, err := tensor.Float64s()
	if err != nil || len(curve)%curveColumns != 0 {
		return fmt.Errorf("%w: its curve cannot be read", store.ErrCorrupt)
	}
	for ; len(curve) > 0; curve = curve[curveColumns:] {
		s.curve = append(s.curve, Point{int(curve[0]), curve[1], curve[2], curve[3]})
	}
	t.state = s
	return nil
}

// fill reads a tensor into numbers of as many.
func fill(to []float32, from store.Safetensors, name string) error {
	tensor, ok := from.Find(name)
	if !ok {
		return fmt.Errorf("%w: it lacks the tensor %q", store.ErrCorrupt, name)
	}
	values, err := tensor.Float32s()
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	if len(values) != len(to) {
		return fmt.Errorf("%w: tensor %q has %d numbers, there should be %d", store.ErrCorrupt, name, len(values), len(to))
	}
	copy(to, values)
	return nil
}

// bitsText is a number as its hexadecimal digits; NaN has one pattern.
func bitsText(v float64) string {
	if v != v {
		v = math.NaN()
	}
	return strconv.FormatUint(math.Float64bits(v), 16)
}
