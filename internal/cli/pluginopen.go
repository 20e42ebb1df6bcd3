package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/installed"
	"github.com/scorefield/infer/plugins/python"
)

// pluginFlags say how a command finds plug-ins and what it lets them take.
type pluginFlags struct {
	dir     string        // searched first
	dev     string        // a plug-in under development, run from where it stands
	timeout time.Duration // of a call; 0 for the default
	config  string        // of a model: a JSON object, or @ and a file with one
	given   []string      // conditioning vectors, name=numbers
}

func (p *pluginFlags) register(f *pflag.FlagSet) {
	f.StringVar(&p.dev, "plugin-dev", "", "run the plug-in in this folder or program as it is, without checksums: for its author")
	f.StringVar(&p.dir, "plugin-dir", "", pluginDirHelp)
	f.StringVar(&p.config, "plugin-config", "", "settings of a plug-in's model: a JSON object, or @FILE with one")
	f.StringArrayVar(&p.given, "plugin-given", nil, "a vector that a plug-in's score is conditioned on, name=number,number,...; may be repeated")
	f.DurationVar(&p.timeout, "plugin-timeout", 0, "time that a plug-in has to answer a call (default 1m0s)")
}

// opened is a plug-in that runs for a command.
type opened struct {
	*plugins.Plugin
	name     string // of the manifest
	manifest installed.Manifest
	sums     map[string]string // of its files, by path
	log      *pluginLog
	began    time.Time
	ready    time.Duration // from the start to its first words
	dev      string        // the path of a plug-in under development
}

func (o *opened) Close() error {
	err := o.Plugin.Close()
	o.log.Close()
	return err
}

// program is a plug-in that can be started: what it says on disk, and how.
type program struct {
	manifest installed.Manifest
	sums     map[string]string
	options  plugins.Options
	dev      string
	place    *installed.Plugin // nil for one under development
}

// installedProgram is an installed plug-in whose manifest is the one in the lock file. Its files are compared by whoever starts it.
func installedProgram(folder, name string) (*program, error) {
	p, err := findPlugin(folder, name)
	if err != nil {
		return nil, err
	}
	if err := checkFree(p.Name); err != nil {
		return nil, pluginError(err)
	}
	m, sums, err := p.Locked()
	if err != nil {
		return nil, pluginError(err)
	}
	o := optionsOf(m)
	o.Dir = p.Folder()
	for path := range m.Files {
		o.Files = append(o.Files, plugins.File{Path: path, SHA256: sums[path]})
	}
	return &program{manifest: m, sums: sums, options: o, place: &p}, nil
}

func optionsOf(m installed.Manifest) plugins.Options {
	return plugins.Options{
		Name: m.Name, Command: ownProgram(m), Kind: plugins.Kind(m.Transport), StartTimeout: m.StartTimeout,
		Set: []string{"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"},
	}
}

// ownProgram is the command of a manifest, where a program that is one of its files is a path and no name to look for.
func ownProgram(m installed.Manifest) []string {
	words := append([]string(nil), m.Command...)
	if _, own := m.Files[words[0]]; own && !strings.Contains(words[0], "/") {
		words[0] = "./" + words[0]
	}
	return words
}

// devProgram is a plug-in under development: a folder with a manifest, a Python file, or a program.
func devProgram(path string) (*program, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, data(fmt.Errorf("--plugin-dev %s: there is no such folder or file", path))
	}
	if err != nil {
		return nil, data(err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, data(err)
	}
	d := &program{dev: absolute}
	if info.IsDir() {
		m, err := installed.ReadManifest(absolute)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("there is no %s in it", installed.ManifestFile)
		}
		if err != nil {
			return nil, pluginError(fmt.Errorf("--plugin-dev %s: %w", path, err))
		}
		if err := checkFree(m.Name); err != nil {
			return nil, pluginError(fmt.Errorf("--plugin-dev %s: %w", path, err))
		}
		d.manifest, d.options = m, optionsOf(m)
		d.options.Dir = absolute
		if _, err := os.Stat(filepath.Join(absolute, m.Command[0])); err != nil && m.Files[m.Command[0]] == "" && m.Build != "" {
			if _, own := m.Files[m.Command[0]]; own {
				return nil, pluginError(fmt.Errorf("--plugin-dev %s: there is no %s in it: build it first, there: %s", path, m.Command[0], m.Build))
			}
		}
	} else {
		d.manifest, err = bareManifest(absolute)
		if err != nil {
			return nil, pluginError(fmt.Errorf("--plugin-dev %s: %w", path, err))
		}
		d.options = optionsOf(d.manifest)
		d.options.Dir = filepath.Dir(absolute)
	}
	d.lendSDK()
	return d, nil
}

// bareManifest is the manifest that a program or a Python file would have.
func bareManifest(path string) (installed.Manifest, error) {
	file := filepath.Base(path)
	m := installed.Manifest{Name: nameOf(file), Version: "0", Protocol: installed.Protocol, Files: map[string]string{file: ""}}
	if strings.EqualFold(filepath.Ext(file), ".py") {
		m.Command, m.Transport, m.StartTimeout = []string{"python3", file}, installed.TransportFrames, time.Minute
		return m, checkFree(m.Name)
	}
	info, err := os.Stat(path)
	if err != nil {
		return m, err
	}
	if !info.Mode().IsRegular() {
		return m, errors.New("it is neither a folder nor a file")
	}
	if info.Mode()&0o111 == 0 {
		return m, errors.New("it is not executable: chmod +x it")
	}
	m.Command = []string{file}
	return m, checkFree(m.Name)
}

// nameOf makes the name of a plug-in of that of a file.
func nameOf(file string) string {
	name := strings.ToLower(strings.TrimSuffix(file, filepath.Ext(file)))
	name = strings.TrimPrefix(name, "infer-plugin-")
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name)
	name = strings.Trim(name, "-")
	if name = name[:min(len(name), 64)]; name == "" {
		return "plug-in"
	}
	return name
}

// lendSDK lets a Python plug-in whose folder has no SDK use the one of this program.
func (d *program) lendSDK() {
	if d.manifest.Transport != installed.TransportFrames || !strings.HasPrefix(filepath.Base(d.manifest.Command[0]), "python") {
		return
	}
	if _, err := os.Stat(filepath.Join(d.options.Dir, "infer_plugin")); err != nil {
		d.options.Packages = python.SDK()
	}
}

// program finds the plug-in that flags and a name ask for.
func (p pluginFlags) program(s *streams, name string) (*program, error) {
	if p.dev == "" {
		return installedProgram(p.dir, name)
	}
	d, err := devProgram(p.dev)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.err, "infer: WARNING: --plugin-dev runs %s with your rights, as it is and without checksums: install it before its results count\n", p.dev)
	return d, nil
}

// open starts a plug-in. What it writes goes to its log file.
func (d *program) open(ctx context.Context, s *streams, timeout time.Duration) (*opened, error) {
	o := d.options
	o.CallTimeout = timeout
	o.Host = "infer " + Version
	log := openLog(d.manifest.Name)
	o.Log = log
	o.Warn = func(line string) { fmt.Fprintf(s.err, "infer: %s\n", line) }
	began := time.Now()
	run, err := plugins.Open(ctx, o)
	if err != nil {
		log.Close()
		return nil, d.failed(ctx, err)
	}
	if d.dev != "" {
		if d.sums, err = installed.Present(d.options.Dir, d.manifest); err != nil {
			run.Close()
			log.Close()
			return nil, pluginError(err)
		}
	}
	return &opened{Plugin: run, name: d.manifest.Name, manifest: d.manifest, sums: d.sums, log: log, began: began, ready: time.Since(began), dev: d.dev}, nil
}

// failed gives an error of a start its words and its exit code.
func (d *program) failed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var sum *plugins.SumError
	if errors.As(err, &sum) && d.place != nil {
		return pluginError(d.place.Changed(sum.Path, sum.Want, sum.Got))
	}
	return pluginError(missingModule(d.manifest, err))
}

// missingModuleRule is how Python says that a package is not there.
var missingModuleRule = regexp.MustCompile(`ModuleNotFoundError: No module named '([^'.]+)`)

// missingModule adds to an error that a plug-in in Python lacks a package which Python lacks it.
func missingModule(m installed.Manifest, err error) error {
	found := missingModuleRule.FindStringSubmatch(err.Error())
	if found == nil || !strings.HasPrefix(filepath.Base(m.Command[0]), "python") {
		return err
	}
	interpreter, missing := exec.LookPath(m.Command[0])
	if missing != nil {
		return err
	}
	return fmt.Errorf("%w: that is %s: install %s for it, or put the %s that has it first on PATH", err, interpreter, found[1], m.Command[0])
}

// isFolder says whether the plug-in has a manifest of its own.
func (d *program) isFolder() bool { return len(d.manifest.Kinds) > 0 }

// programSource wraps a program or a Python file into the folder of a plug-in, which it asks what it is; "" for anything else.
func programSource(ctx context.Context, path string) (folder string, done func(), err error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", nil, err
	}
	isPython := strings.EqualFold(filepath.Ext(path), ".py")
	if !isPython && (info.Mode()&0o111 == 0 || isArchive(path)) {
		return "", nil, nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	m, err := bareManifest(absolute)
	if err != nil {
		return "", nil, err
	}
	if folder, err = os.MkdirTemp("", "infer-install-"); err != nil {
		return "", nil, err
	}
	made := folder // folder and done are empty by the time an error is looked at
	done = func() { os.RemoveAll(made) }
	defer func() {
		if err != nil {
			os.RemoveAll(made)
		}
	}()
	if err := copyProgram(absolute, filepath.Join(folder, filepath.Base(path))); err != nil {
		return "", nil, err
	}
	if isPython {
		for name, text := range python.SDK() {
			target := filepath.Join(folder, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, text, 0o644)); err != nil {
				return "", nil, err
			}
			m.Files[name] = ""
		}
	}
	o := optionsOf(m)
	o.Dir = folder
	run, err := plugins.Open(ctx, o)
	if err != nil {
		return "", nil, err
	}
	says := run.Info()
	run.Close()
	m.Name = says.Name
	if says.Version != "" {
		m.Version = says.Version
	}
	for _, model := range says.Models {
		for _, kind := range model.Kinds {
			if !contains(m.Kinds, kind) {
				m.Kinds = append(m.Kinds, kind)
			}
		}
	}
	return folder, done, os.WriteFile(filepath.Join(folder, installed.ManifestFile), m.Text(), 0o644)
}

// isArchive says whether a file, executable or not, is a tar archive or gzip.
func isArchive(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 262)
	n, _ := io.ReadFull(f, head)
	return n >= 2 && head[0] == 0x1f && head[1] == 0x8b || n >= 262 && string(head[257:262]) == "ustar"
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}
