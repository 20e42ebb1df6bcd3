package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/installed"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/score"
)

// pluginUse is what settings say of the plug-in that a run uses: which one it was, to the byte, and what was asked of it.
type pluginUse struct {
	Name    string          `json:"name"`
	Version string          `json:"version"`
	Model   string          `json:"model"`
	Config  json.RawMessage `json:"config,omitempty"`
	// Given are the vectors that a score is conditioned on, by their names.
	Given  map[string][]float64 `json:"given,omitempty"`
	Dev    string               `json:"dev,omitempty"` // its path, where it was under development
	SHA256 map[string]string    `json:"sha256"`        // of its files
}

// hosted is a model of a plug-in that a run draws from: a score, with or without noise levels, where it is no density.
type hosted struct {
	*opened
	model  protocol.Model
	plain  score.Fn
	family score.NoiseConditional
}

// usesPlugin says whether settings name a plug-in: by a flag, by a rerun's settings, or by a name that no built-in has.
func (s *settings) usesPlugin() bool {
	if s.Plugin != nil || s.plugins.dev != "" {
		return true
	}
	name, _, _ := strings.Cut(s.Density+s.Model, "/")
	if s.LogP != "" || protocol.CheckName(name) != nil || checkFree(name) != nil {
		return false
	}
	list, err := installed.Folders(s.plugins.dir)
	if err != nil {
		return false
	}
	_, err = installed.Find(list, name)
	var unknown *installed.UnknownError
	return !errors.As(err, &unknown)
}

// aimAt finds what settings name: a built-in, a file, or a plug-in, which is started. The goal has to be closed.
func aimAt(ctx context.Context, s *streams, set *settings) (goal, error) {
	if set.usesPlugin() {
		return aimAtPlugin(ctx, s, set)
	}
	if set.plugins.config != "" || set.plugins.timeout != 0 || len(set.plugins.given) > 0 {
		return goal{}, usage("--plugin-config, --plugin-given and --plugin-timeout belong to a plug-in, and the target is none")
	}
	if set.Density != "" && !slices.Contains(names(listDensities()), set.Density) {
		known := names(listDensities())
		if list, err := installed.Folders(set.plugins.dir); err == nil {
			for _, p := range listPlugins(list) {
				known = append(known, p.Name)
			}
		}
		if err := oneOf("density", set.Density, known); err != nil {
			return goal{}, err
		}
	}
	return aim(set)
}

// aimAtPlugin opens the plug-in that settings name and notes in them what it is. The goal has to be closed.
func aimAtPlugin(ctx context.Context, s *streams, set *settings) (g goal, err error) {
	flag, whole := "--density", set.Density
	if set.Model != "" {
		flag, whole = "--model", set.Model
	}
	name, model, _ := strings.Cut(whole, "/")
	if set.plugins.dev != "" && whole != "" && checkFree(name) != nil {
		return goal{}, usage("%s %s is built in, and --plugin-dev names another target: leave one out", flag, name)
	}
	if set.plugins.timeout < 0 {
		return goal{}, usage("--plugin-timeout %v: a positive duration is wanted", set.plugins.timeout)
	}
	if set.Plugin != nil && set.Plugin.Dev != "" && set.plugins.dev == "" {
		set.plugins.dev = set.Plugin.Dev
	}
	p, err := set.plugins.program(s, name)
	if err != nil {
		return goal{}, err
	}
	if whole != "" && name != p.manifest.Name {
		return goal{}, usage("%s %s, and --plugin-dev %s is the plug-in %s: leave the name out, or correct it", flag, name, set.plugins.dev, p.manifest.Name)
	}
	o, err := p.open(ctx, s, set.plugins.timeout)
	if err != nil {
		return goal{}, err
	}
	defer func() {
		if err != nil {
			o.Close()
		}
	}()
	kind, picked, err := pick(o, flag, whole, model)
	if err != nil {
		return goal{}, err
	}
	config, err := pluginConfig(set, picked)
	if err != nil {
		return goal{}, err
	}
	given, err := pluginGiven(set, kind, picked)
	if err != nil {
		return goal{}, err
	}
	use := &pluginUse{Given: given, Name: o.manifest.Name, Version: o.manifest.Version, Model: picked.Name, Config: config, Dev: set.plugins.dev, SHA256: o.sums}
	if set.Plugin != nil {
		if err := set.Plugin.differs(use); err != nil {
			return goal{}, err
		}
	}
	set.Plugin = use
	if whole == "" {
		if kind == protocol.KindDensity {
			set.Density = o.manifest.Name
		} else {
			set.Model = o.manifest.Name
		}
	}
	g.hosted = &hosted{opened: o, model: picked}
	if err := g.openModel(ctx, kind, config, given); err != nil {
		return goal{}, pluginFailure(ctx, err)
	}
	if set.Dim != 0 && set.Dim != g.dim() {
		return goal{}, usage("--dim %d: %s has dimension %d", set.Dim, cmp.Or(whole, o.name), g.dim())
	}
	return g, nil
}

// openModel opens the model of a kind for the run.
func (g *goal) openModel(ctx context.Context, kind string, config json.RawMessage, given map[string][]float64) (err error) {
	h := g.hosted
	var told any
	switch {
	case kind == protocol.KindDensity:
		g.density, err = h.Density(ctx, h.model.Name, config)
		told = g.density
	case h.model.Noise:
		h.family, err = h.NoiseConditional(ctx, h.model.Name, plugins.ScoreOptions{Config: config, Given: given})
		told = h.family
	default:
		h.plain, err = h.Score(ctx, h.model.Name, plugins.ScoreOptions{Config: config, Given: given})
		told = h.plain
	}
	if err != nil {
		return err
	}
	if t, ok := told.(interface{ Info() protocol.Model }); ok {
		h.model = t.Info()
	}
	return nil
}

// pluginGiven reads --plugin-given: one vector for each that the model is conditioned on.
func pluginGiven(set *settings, kind string, m protocol.Model) (map[string][]float64, error) {
	if set.Plugin != nil {
		return set.Plugin.Given, nil
	}
	wanted := map[string]int{}
	var names []string
	if kind == protocol.KindScore {
		for _, g := range m.Given {
			wanted[g.Name] = g.Dim
			names = append(names, g.Name)
		}
	}
	given := map[string][]float64{}
	for _, item := range set.plugins.given {
		name, text, _ := strings.Cut(item, "=")
		dim, ok := wanted[name]
		if !ok && len(names) == 0 {
			return nil, usage("--plugin-given %s: %s is conditioned on nothing", item, m.Name)
		}
		if !ok {
			return nil, oneOf("conditioning vector", name, names)
		}
		var values []float64
		for word := range strings.SplitSeq(text, ",") {
			v, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
			if err != nil || v-v != 0 {
				return nil, usage("--plugin-given %s: write %s=number,number,..., %d numbers", item, name, dim)
			}
			values = append(values, v)
		}
		if len(values) != dim {
			return nil, usage("--plugin-given %s: %d numbers, and %s has %d", item, len(values), name, dim)
		}
		if given[name] != nil {
			return nil, usage("--plugin-given %s: %s is given twice", item, name)
		}
		given[name] = values
	}
	for _, name := range names {
		if given[name] == nil {
			return nil, usage("%s is conditioned on %s: give --plugin-given %s=..., %d numbers", m.Name, name, name, wanted[name])
		}
	}
	if len(given) == 0 {
		return nil, nil
	}
	return given, nil
}

// pick chooses the model of a plug-in: the one that is named, or the only one of the kind that the flag wants.
func pick(o *opened, flag, whole, name string) (kind string, m protocol.Model, err error) {
	kinds := []string{protocol.KindDensity}
	if flag == "--model" {
		kinds = []string{protocol.KindScore}
	} else if whole == "" {
		kinds = append(kinds, protocol.KindScore)
	}
	info := o.Info()
	for _, kind := range kinds {
		var found []protocol.Model
		for _, m := range info.Models {
			if m.Is(kind) && (name == "" || name == m.Name) {
				found = append(found, m)
			}
		}
		if len(found) > 1 && name == "" {
			if same := slices.IndexFunc(found, func(m protocol.Model) bool { return m.Name == info.Name }); same >= 0 {
				found = found[same : same+1]
			}
		}
		if len(found) > 1 {
			var names []string
			for _, m := range found {
				names = append(names, o.name+"/"+m.Name)
			}
			return "", m, usage("%s %s: the plug-in has %d models that are a %s: name one of %s", flag, o.name, len(found), kind, joined(names))
		}
		if len(found) == 1 {
			return kind, found[0], nil
		}
	}
	var has []string
	for _, m := range info.Models {
		has = append(has, m.Name+" ("+joined(m.Kinds)+")")
	}
	if name == "" {
		return "", m, usage("plug-in %s has no %s, only %s", o.name, strings.Join(kinds, " and no "), joined(has))
	}
	return "", m, usage("%s %s: plug-in %s has no %s of that name: it has %s", flag, whole, o.name, kinds[0], joined(has))
}

// pluginConfig is what the model is opened with: --plugin-config, and --dim for a model whose dimension its settings decide.
func pluginConfig(set *settings, m protocol.Model) (json.RawMessage, error) {
	if set.Plugin != nil {
		return set.Plugin.Config, nil
	}
	text := []byte(set.plugins.config)
	if file, ok := strings.CutPrefix(set.plugins.config, "@"); ok {
		f, err := os.Open(file)
		if err != nil {
			return nil, data(fmt.Errorf("--plugin-config: %w", err))
		}
		defer f.Close()
		if text, err = io.ReadAll(io.LimitReader(f, protocol.MaxHeader)); err != nil {
			return nil, data(fmt.Errorf("--plugin-config: %w", err))
		}
	}
	values := map[string]json.RawMessage{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &values); err != nil {
			return nil, usage("--plugin-config %.60s: a JSON object is wanted, as in '{\"radius\": 2.6}'%s", text, whyNoJSON(err))
		}
	}
	if _, given := values["dim"]; set.Dim > 0 && m.Dim == 0 && !given {
		values["dim"] = json.RawMessage(strconv.Itoa(set.Dim))
	}
	if len(values) == 0 {
		return nil, nil
	}
	return json.Marshal(values) // with its keys in order, so that equal settings are equal texts
}

// whyNoJSON is where a text stops being JSON, or nothing for JSON of another type, of which Go's words tell nobody anything.
func whyNoJSON(err error) string {
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		return ""
	}
	return ": " + err.Error()
}

// arguments are the flags that name the plug-in again.
func (u *pluginUse) arguments(s settings) []string {
	var args []string
	if u.Dev != "" {
		args = append(args, "--plugin-dev", u.Dev)
	}
	if s.Model != "" {
		args = append(args, "--model", s.Model)
	} else {
		args = append(args, "--density", s.Density)
	}
	if s.plugins.dir != "" {
		args = append(args, "--plugin-dir", s.plugins.dir)
	}
	for _, name := range slices.Sorted(maps.Keys(u.Given)) {
		var values []string
		for _, v := range u.Given[name] {
			values = append(values, number(v))
		}
		args = append(args, "--plugin-given", name+"="+strings.Join(values, ","))
	}
	if len(u.Config) > 0 {
		args = append(args, "--plugin-config", string(u.Config))
	}
	if s.plugins.timeout > 0 {
		args = append(args, "--plugin-timeout", s.plugins.timeout.String())
	}
	return args
}

// differs says how a plug-in differs from the one that draws were made with.
func (u *pluginUse) differs(now *pluginUse) error {
	for _, path := range slices.Sorted(maps.Keys(u.SHA256)) {
		if got := now.SHA256[path]; got != u.SHA256[path] {
			if got == "" {
				got = "missing"
			}
			return pluginError(fmt.Errorf("plug-in %s %s is not the one that the draws were made with, %s: the SHA-256 of %s is\n  %s, and it was\n  %s\ninstall that one again", now.Name, now.Version, u.Version, path, got, u.SHA256[path]))
		}
	}
	if now.Name != u.Name || now.Version != u.Version || len(now.SHA256) != len(u.SHA256) {
		return pluginError(fmt.Errorf("plug-in %s %s is not the one that the draws were made with, %s %s: install that one again", now.Name, now.Version, u.Name, u.Version))
	}
	return nil
}

// pluginFailure gives an error of a plug-in its exit code, and what a user did its own.
func pluginFailure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return pluginError(err)
}

// close ends the plug-in of a goal, if it has one.
func (g goal) close() {
	if g.hosted != nil {
		g.hosted.Close()
	}
}

// brokenOff says how a run goes on that a plug-in's failure has ended. Other errors of a target would come again.
func (j *job) brokenOff(err error) error {
	var failed *plugins.Error
	if !errors.As(err, &failed) || j.Checkpoint == "" {
		return err
	}
	if _, missing := os.Stat(j.Checkpoint); missing != nil {
		return err
	}
	return fmt.Errorf("%w; kept in %s; to go on, once the plug-in works:\n  %s", err, j.Checkpoint, shell(append(j.set.arguments(), "-o", j.effort.output, "--resume")))
}

// isScore says whether the goal is a score of a plug-in.
func (h *hosted) isScore() bool { return h != nil && (h.plain != nil || h.family != nil) }

// choose fills in what goes by a plug-in's score: the sampler, its step size, its noise levels.
func (h *hosted) choose(set *settings, changed func(name string) bool) error {
	if set.Sampler == "" {
		set.Sampler = samplerLangevin
		if h.family != nil {
			set.Sampler = samplerAnnealed
		}
	}
	if err := oneOf("sampler", set.Sampler, names(samplers)); err != nil {
		return err
	}
	set.Guidance = 0
	switch {
	case set.Sampler == samplerMALA:
		return usage("--sampler mala needs log p to accept or reject, and a score has none: use annealed or langevin")
	case set.Sampler == samplerLangevin && h.plain == nil:
		return usage("--sampler langevin follows one score, and %s has one for each noise level: use annealed", set.Model)
	case set.Sampler != samplerLangevin && h.family == nil:
		return usage("--sampler %s needs a score for each noise level, and %s has one: use langevin", set.Sampler, set.Model)
	}
	if set.Sampler == samplerLangevin {
		set.Levels = 0
		for _, name := range []string{"levels", "sigma-max", "sigma-min", "keep-noise"} {
			if changed(name) {
				return usage("--%s belongs to --sampler annealed", name)
			}
		}
		if set.Step == 0 {
			set.Step = tutorialStep
		}
		return nil
	}
	if set.SigmaMax == 0 {
		set.SigmaMax = h.model.SigmaMax
	}
	if set.SigmaMin == 0 {
		set.SigmaMin = h.model.SigmaMin
	}
	if !(set.SigmaMax > 0 && set.SigmaMin > 0) {
		return usage("plug-in %s does not say the noise levels of %s: give --sigma-max and --sigma-min", h.name, h.model.Name)
	}
	if set.SigmaMin < h.model.SigmaMin || h.model.SigmaMax > 0 && set.SigmaMax > h.model.SigmaMax {
		return usage("--sigma-min %s and --sigma-max %s: %s knows the noise levels from %s to %s", number(set.SigmaMin), number(set.SigmaMax), h.model.Name, number(h.model.SigmaMin), number(h.model.SigmaMax))
	}
	if set.Sampler == samplerHeun {
		if !changed("steps") {
			set.Steps = defaultHeunSteps
		}
		if set.Steps < 1 || set.Steps > mostHeunSteps {
			return usage("--steps %d: heun takes 1 to %s, a noise level each; 18 is usual", set.Steps, spelling.Grouped(mostHeunSteps))
		}
		set.Levels = int(set.Steps)
		return nil
	}
	if !changed("steps") {
		set.Steps = defaultLevelSteps
	}
	if set.Step == 0 {
		set.Step = float64(annealedStep*set.SigmaMin) * set.SigmaMin
	}
	return nil
}

// kernel makes the kernel for a plug-in's score.
func (h *hosted) kernel(set settings) (mcmc.Kernel, error) {
	switch set.Sampler {
	case samplerLangevin:
		return mcmc.Langevin{Score: h.plain, Step: set.Step, Convention: set.convention()}, nil
	case samplerHeun:
		levels, err := score.PowerLevels(set.SigmaMax, set.SigmaMin, set.Levels, score.EDMRho)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		return &mcmc.Heun{Score: h.family, Levels: levels, KeepNoise: set.KeepNoise}, nil
	}
	levels, err := score.Geometric(set.SigmaMax, set.SigmaMin, set.Levels)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	return &mcmc.Annealed{Score: h.family, Levels: levels, Steps: int(set.Steps), Step: set.Step, Convention: set.convention(), KeepNoise: set.KeepNoise}, nil
}

// start is noise of the level where a run along falling noise begins.
func (h *hosted) start(set *settings) mcmc.Sampler {
	law := mcmc.Normal{Coordinates: set.Dim, Scale: make([]float64, set.Dim)}
	for j := range law.Scale {
		law.Scale[j] = set.SigmaMax
	}
	return law
}

// pluginReport is what a run says of the plug-in that it used.
type pluginReport struct {
	Name      string  `json:"name"`
	Version   string  `json:"version"`
	Model     string  `json:"model"`
	Transport string  `json:"transport"` // grpc, frames or shm
	Calls     uint64  `json:"calls"`
	Share     float64 `json:"share_of_wall"`     // of the time since its start
	Compute   float64 `json:"compute_of_wall"`   // of that, in its own functions
	Carried   float64 `json:"transport_of_wall"` // of that, the way there and back
	Restarts  int     `json:"restarts"`
	line      string
}

// usage reports the plug-in of a goal, nil where it has none.
func (g goal) usage(wall time.Duration) *pluginReport {
	if g.hosted == nil {
		return nil
	}
	u := g.hosted.Usage()
	share := func(d time.Duration) float64 { return d.Seconds() / max(wall.Seconds(), 1e-9) }
	r := &pluginReport{
		Name: g.hosted.manifest.Name, Version: g.hosted.manifest.Version, Model: g.hosted.model.Name, Transport: string(g.hosted.Transport()),
		Calls: u.Calls, Share: share(u.Busy), Compute: share(u.Compute), Carried: share(u.Transport()), Restarts: u.Restarts, line: u.Line(wall),
	}
	return r
}

// words are the report's line.
func (r *pluginReport) words() string {
	text := fmt.Sprintf("%s %s, %s by %s: %s", r.Name, r.Version, spelling.Counted(r.Calls, "call"), map[string]string{"shm": "shared memory", "frames": "frames", "grpc": "gRPC"}[r.Transport], strings.TrimPrefix(r.line, "plugin "))
	if r.Restarts > 0 {
		text += "; it died and was started again " + spelling.Counted(r.Restarts, "time")
	}
	return text
}
