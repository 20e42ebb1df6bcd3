//go:build unix

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/plugins/sdk"
	"github.com/scorefield/infer/score"
)

// servePlugin makes the test binary a plug-in, where a host started it as one.
func servePlugin(args []string) {
	if os.Getenv(protocol.CookieVariable) == "" {
		return
	}
	mode := strings.Join(args, " ")
	calls := 0
	slope := func(grad, x []float64) float64 {
		switch {
		case mode == "slow":
			time.Sleep(20 * time.Millisecond)
		case mode == "dies":
			fmt.Fprintln(os.Stderr, "the model fell into a hole")
			os.Exit(7)
		case mode == "dies-once":
			if calls++; calls == 5000 {
				if _, err := os.Stat("died"); err != nil {
					os.WriteFile("died", nil, 0o644)
					os.Exit(7)
				}
			}
		case mode == "dies-later":
			if _, err := os.Stat("well"); err != nil {
				if calls++; calls == 5000 {
					os.Exit(7)
				}
			}
		case mode == "panics":
			panic("no such animal")
		}
		r := math.Hypot(x[0], x[1])
		for j := range grad {
			grad[j] = -2 / 0.033 * (r - 2.6) * x[j] / r
		}
		return -(r - 2.6) * (r - 2.6) / 0.033
	}
	d := density.FuncGrad(2, nil, slope)
	if mode == "given" {
		sdk.Serve(sdk.Plugin{Name: "test-plug", Version: "1.2.3", Models: []sdk.Model{{
			Name: "ball", Dim: 2, SigmaMin: 0.1, SigmaMax: 10, Conditioning: []protocol.Given{{Name: "centre", Dim: 2}},
			Given: func(given map[string][]float64) (score.NoiseConditional, error) { return ball(given["centre"]), nil },
		}}})
		os.Exit(0)
	}
	p := sdk.Plugin{Name: "test-plug", Version: "1.2.3", Models: []sdk.Model{{Name: "hand", Density: d}, {Name: "own", Density: density.Donut{}}}}
	if mode == "" {
		p.Models = p.Models[1:]
	}
	if mode != "two" && mode != "" {
		p.Models = p.Models[:1]
	}
	sdk.Serve(p)
	os.Exit(0)
}

// plugFolder makes the folder of a plug-in that is this test binary in a mode.
func plugFolder(t *testing.T, mode string, more ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := fmt.Sprintf("%q", self)
	if mode != "" {
		words += fmt.Sprintf(", %q", mode)
	}
	folder := filepath.Join(t.TempDir(), "test-plug")
	text := "name = \"test-plug\"\nversion = \"1.2.3\"\nprotocol = \"infer.plugin.v1\"\nkinds = [\"density\"]\ncommand = [" + words + "]\ntransport = \"grpc\"\n" +
		strings.Join(more, "\n") + "\n[files]\n\"data.txt\" = \"\"\n"
	write(t, filepath.Join(folder, "plugin.toml"), text)
	write(t, filepath.Join(folder, "data.txt"), "1 2 3\n")
	return folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// ownFolders gives a test its own folders of plug-ins and logs.
func ownFolders(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("INFER_PLUGIN_PATH", "")
}

// script is a plug-in that is a script of a shell.
func script(t *testing.T, text string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "scripted")
	write(t, filepath.Join(folder, "plugin.toml"), "name = \"scripted\"\nversion = \"1\"\nprotocol = \"infer.plugin.v1\"\nkinds = [\"density\"]\ncommand = [\"run.sh\"]\nstart_timeout = \"700ms\"\n[files]\n\"run.sh\" = \"\"\n")
	write(t, filepath.Join(folder, "run.sh"), "#!/bin/sh\n"+text)
	return folder
}

// Plug-ins that do not come to their first words: what they wrote, or what is wrong, is said, with exit code 4, soon.
func TestPluginsThatDoNotStart(t *testing.T) {
	ownFolders(t)
	t.Setenv("SECRET_TOKEN", "abc-the-secret")
	shared := func(name string) string {
		text, err := os.ReadFile("testdata/plug/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n")
		return rest
	}
	for name, c := range map[string]struct {
		script string
		words  []string
	}{
		"P01, go-plugin#164: a banner": {shared("banner-then-exit.sh"), []string{`"Loading model weights..."`, "exit code 0"}},
		"P03, steampipe#3732: a panic": {shared("exit3-with-panic.sh"), []string{"exit code 3", "panic: cannot open weights.bin: no such file"}},
		"P05, tflint PR#885: too new":  {shared("app-version-7.sh"), []string{"version 7", "version 1", "update infer"}},
		"too old":                      {"echo '1|0|unix|/nonexistent/sock|grpc|'\nexec sleep 3600", []string{"version 0", "version 1", "update the plug-in"}},
		"another core":                 {"echo '2|1|unix|/nonexistent/sock|grpc|'\nexec sleep 3600", []string{"core version 2", "go-plugin"}},
		"tcp":                          {"echo '1|1|tcp|127.0.0.1:1234|grpc|'\nexec sleep 3600", []string{"Unix socket"}},
		"net/rpc":                      {"echo '1|1|unix|/nonexistent/sock|netrpc|'\nexec sleep 3600", []string{"|grpc|"}},
		"no socket there":              {"echo '1|1|unix|/nonexistent/sock|grpc|'\nexec sleep 3600", []string{"/nonexistent/sock"}},
		"P09, go-plugin#103: env":      {shared("print-env.sh"), []string{"exit code 1", "INFER_PLUGIN_COOKIE"}},
		"P11, terraform#38939: hangs":  {shared("hang-before-handshake.sh"), []string{"700ms"}},
		"hangs and ignores SIGTERM":    {"trap '' TERM INT HUP\nwhile :; do sleep 1; done", []string{"700ms"}},
		"a child that holds the pipes": {"sleep 3600 &\nexit 5", []string{"exit code 5"}},
		"a traceback":                  {"echo 'Traceback (most recent call last):\n  File \"x.py\", line 1\nImportError: no jax' >&2; exit 1", []string{"ImportError: no jax"}},
		"a long line":                  {"head -c 300000 /dev/zero | tr '\\0' x; exit 2", []string{"exit code 2", "xxx"}},
		"garbage for frames":           {"head -c 4000 /dev/zero >&3; exec sleep 3600", []string{"INF1"}},
		"killed":                       {"kill -9 $$", []string{"killed"}},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			r := infer(t, "sample", "--plugin-dev", script(t, c.script))
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("it takes %v", took)
			}
			if r.code != exitPlugin || r.out != "" || !strings.Contains(r.err, "WARNING: --plugin-dev") {
				t.Errorf("exits %d: %s%s", r.code, r.out, r.err)
			}
			for _, words := range c.words {
				if !strings.Contains(r.err, words) {
					t.Errorf("without %q: %s", words, r.err)
				}
			}
			if strings.Contains(r.err, "the-secret") {
				t.Errorf("the environment goes to the plug-in: %s", r.err)
			}
		})
	}
	if left := strays(t); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// strays are the processes of scripts and test plug-ins that outlive their host.
func strays(t *testing.T) []string {
	t.Helper()
	var left []string
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left = nil
		entries, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range entries {
			text, err := os.ReadFile(path)
			if err == nil && bytes.Contains(text, []byte(protocol.ParentVariable+"="+strconv.Itoa(os.Getpid())+"\x00")) {
				left = append(left, filepath.Dir(path))
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// A program that does not start is not installed, whatever its name, and leaves no folder.
func TestInstallOfProgramsThatFail(t *testing.T) {
	ownFolders(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	folder := t.TempDir()
	python := filepath.Join(folder, "with spaces and \u00fc.py")
	write(t, python, "x = (\n")
	broken := filepath.Join(folder, "broken.sh")
	write(t, broken, "#!/bin/sh\nexit 3\n")
	taken := filepath.Join(folder, "donut.py")
	write(t, taken, "import infer_plugin\n")
	for path, words := range map[string]string{python: "is not installed: plug-in with-spaces-and", broken: "exit code 3", taken: "built-in density"} {
		if r := infer(t, "plugin", "install", path); r.code != exitPlugin || !strings.Contains(r.err, words) {
			t.Errorf("%s: exits %d: %s", path, r.code, r.err)
		}
	}
	if r := infer(t, "sample", "--plugin-dev", taken); r.code != exitPlugin || !strings.Contains(r.err, "built-in density") {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	slow := filepath.Join(folder, "slow.sh")
	write(t, slow, "#!/bin/sh\nexec sleep 3600\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { cancel(&signalError{syscall.SIGINT}) })
	if r := inferContext(ctx, "plugin", "install", slow); r.code != 130 || !strings.HasSuffix(r.err, "infer: interrupted\n") {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// The scripts themselves, as a user names them.
func TestPluginDevOfPrograms(t *testing.T) {
	ownFolders(t)
	plain := filepath.Join(t.TempDir(), "plain.txt")
	write(t, plain, "x")
	os.Chmod(plain, 0o644)
	empty := t.TempDir()
	for _, c := range []struct {
		path, words string
		code        int
	}{
		{"testdata/plug/banner-then-exit.sh", "Loading model weights", exitPlugin},
		{"testdata/plug/exit3-with-panic.sh", "panic: cannot open weights.bin", exitPlugin},
		{"testdata/plug/print-env.sh", "exit code 1", exitPlugin},
		{plain, "chmod +x", exitPlugin},
		{empty, "there is no plugin.toml", exitPlugin},
		{filepath.Join(empty, "none"), "no such folder or file", exitData},
	} {
		if r := infer(t, "sample", "--plugin-dev", c.path); r.code != c.code || !strings.Contains(r.err, c.words) {
			t.Errorf("%s: exits %d: %s", c.path, r.code, r.err)
		}
	}
}

// From installation to removal: an installed plug-in is used like a built-in, to the same bits, and a change of it is refused.
func TestPluginInstalled(t *testing.T) {
	ownFolders(t)
	source := plugFolder(t, "")
	if r := infer(t, "plugin", "install", source); r.code != 0 || !strings.Contains(r.out, "infer sample --density test-plug") {
		t.Fatalf("exits %d: %s%s", r.code, r.out, r.err)
	}
	var list []pluginListed
	if r := infer(t, "plugin", "list", "--json"); json.Unmarshal([]byte(r.out), &list) != nil || len(list) != 1 || list[0].Name != "test-plug" || list[0].Fault != "" {
		t.Errorf("%s%s", r.out, r.err)
	}
	if r := infer(t, "list", "densities"); !strings.Contains(r.out, "test-plug") {
		t.Errorf("infer list densities does not show it: %s", r.out)
	}
	args := []string{"--seed", "3", "--particles", "2000", "--steps", "50"}
	file := filepath.Join(t.TempDir(), "d.npz")
	r := infer(t, append([]string{"sample", "--density", "test-plug", "-o", file}, args...)...)
	if r.code != 0 || !regexp.MustCompile(`plug-in +test-plug 1.2.3, .* of wall: .*compute.*transport`).MatchString(r.out) {
		t.Fatalf("exits %d: %s%s", r.code, r.out, r.err)
	}
	builtIn, _ := drawn(t, []int{0}, append([]string{"--density", "donut"}, args...)...)
	if hashOf(t, file) != pointsHash(builtIn.Points) {
		t.Error("the donut of a plug-in has other bits than the built-in one")
	}
	if r := infer(t, "rerun", file); r.code != 0 || !strings.Contains(r.err, "bit for bit") {
		t.Errorf("rerun exits %d: %s", r.code, r.err)
	}
	if r := infer(t, "plugin", "verify"); r.code != 0 || !strings.Contains(r.out, "as installed") {
		t.Errorf("%s%s", r.out, r.err)
	}
	if r := infer(t, "plugin", "logs", "test-plug"); r.code != 0 || !strings.Contains(r.out, "---") {
		t.Errorf("%s%s", r.out, r.err)
	}
	if r := infer(t, "plugin", "info", "test-plug"); r.code != 0 || !strings.Contains(r.out, "own: density, dimension 2") {
		t.Errorf("exits %d: %s%s", r.code, r.out, r.err)
	}
	// A changed byte.
	changed := filepath.Join(os.Getenv("XDG_DATA_HOME"), "infer", "plugins", "test-plug", "data.txt")
	if err := os.WriteFile(changed, []byte("1 2 4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r = infer(t, append([]string{"sample", "--density", "test-plug"}, args...)...)
	sums := regexp.MustCompile(`[0-9a-f]{64}`).FindAllString(r.err, -1)
	accept := regexp.MustCompile(`infer (plugin lock --update test-plug)\n`).FindStringSubmatch(r.err)
	if r.code != exitPlugin || len(sums) != 2 || sums[0] == sums[1] || accept == nil || !strings.Contains(r.err, "data.txt") {
		t.Fatalf("a changed byte exits %d: %s", r.code, r.err)
	}
	if r := infer(t, "plugin", "verify", "test-plug"); r.code != exitPlugin {
		t.Errorf("verify exits %d: %s", r.code, r.out)
	}
	if r := infer(t, strings.Fields(accept[1])...); r.code != 0 || !strings.Contains(r.out, "data.txt") {
		t.Errorf("%s%s", r.out, r.err)
	}
	if r := infer(t, append([]string{"sample", "--density", "test-plug"}, args...)...); r.code != 0 {
		t.Errorf("accepted, it exits %d: %s", r.code, r.err)
	}
	// The draws know which one made them.
	if r := infer(t, "rerun", file); r.code != exitPlugin || !strings.Contains(r.err, "not the one that the draws were made with") {
		t.Errorf("rerun with a changed plug-in exits %d: %s", r.code, r.err)
	}
	if r := infer(t, "plugin", "remove", "test-plug"); r.code != 0 {
		t.Errorf("%s%s", r.out, r.err)
	}
	if r := infer(t, "sample", "--density", "test-plug"); r.code != exitUsage {
		t.Errorf("removed, it exits %d: %s", r.code, r.err)
	}
}

func TestPluginModels(t *testing.T) {
	ownFolders(t)
	if r := infer(t, "plugin", "install", plugFolder(t, "two")); r.code != 0 {
		t.Fatal(r.err)
	}
	args := []string{"--seed", "3", "--particles", "500", "--steps", "20"}
	for _, c := range []struct {
		args  []string
		code  int
		words string
	}{
		{[]string{"--density", "test-plug/hand"}, 0, ""},
		{[]string{"--density", "test-plug/own"}, 0, ""},
		{[]string{"--density", "test-plug"}, exitUsage, "test-plug/hand, test-plug/own"},
		{[]string{"--density", "test-plug/none"}, exitUsage, "hand (density), own (density)"},
		{[]string{"--model", "test-plug"}, exitUsage, "has no score"},
		{[]string{"--density", "test-plug/own", "--dim", "3"}, exitUsage, "dimension 2"},
		{[]string{"--density", "test-plgu"}, exitUsage, `did you mean "test-plug"?`},
		{[]string{"--dim", "3", "--plugin-dev", plugFolder(t, "")}, exitUsage, "test-plug has dimension 2"},
		{[]string{"--density", "donut", "--plugin-dev", plugFolder(t, "")}, exitUsage, "built in"},
		{[]string{"--density", "other", "--plugin-dev", plugFolder(t, "")}, exitUsage, "test-plug"},
		{[]string{"--density", "test-plug/own", "--plugin-config", "{"}, exitUsage, "JSON object"},
		{[]string{"--density", "test-plug/own", "--plugin-config", "[1]"}, exitUsage, "2.6}'\n"},
		{[]string{"--density", "test-plug/own", "--plugin-config", `{"x": 1}`}, exitPlugin, "takes no config"},
	} {
		if r := infer(t, slices.Concat([]string{"sample"}, c.args, args)...); r.code != c.code || !strings.Contains(r.err, c.words) {
			t.Errorf("%v: exits %d: %s", c.args, r.code, r.err)
		}
	}
}

// ball is the scores of a normal distribution around a centre.
type ball []float64

func (b ball) Dim() int { return len(b) }

func (b ball) At(sigma float64) score.Fn { return ballAt{b, sigma} }

type ballAt struct {
	ball
	sigma float64
}

func (b ballAt) Score(_ context.Context, dst, x *lanes.Block) error {
	for j, c := range b.ball {
		for i := range x.Len() {
			dst.Row(j)[i] = (c - x.Row(j)[i]) / (1 + b.sigma*b.sigma)
		}
	}
	return nil
}

// A score of a plug-in is conditioned on what a flag gives, and rerun knows it.
func TestPluginGiven(t *testing.T) {
	ownFolders(t)
	folder := plugFolder(t, "given")
	text, _ := os.ReadFile(filepath.Join(folder, "plugin.toml"))
	write(t, filepath.Join(folder, "plugin.toml"), strings.Replace(string(text), `"density"`, `"score"`, 1))
	if r := infer(t, "plugin", "install", folder); r.code != 0 {
		t.Fatal(r.err)
	}
	for _, c := range []struct{ given, words string }{
		{"", "--plugin-given centre=..., 2 numbers"}, {"centre=1", "1 numbers, and centre has 2"}, {"centre=1,x", "write centre=number"}, {"center=1,2", `did you mean "centre"?`},
	} {
		args := []string{"sample", "--model", "test-plug"}
		if c.given != "" {
			args = append(args, "--plugin-given", c.given)
		}
		if r := infer(t, args...); r.code != exitUsage || !strings.Contains(r.err, c.words) {
			t.Errorf("%q exits %d: %s", c.given, r.code, r.err)
		}
	}
	if r := infer(t, "sample", "--model", "test-plug", "--plugin-given", "centre=1,2", "--plugin-given", "centre=3,4"); r.code != exitUsage || !strings.Contains(r.err, "centre is given twice") {
		t.Errorf("given twice exits %d: %s", r.code, r.err)
	}
	file := filepath.Join(t.TempDir(), "d.npz")
	r := infer(t, "sample", "--model", "test-plug", "--plugin-given", "centre=3,-4", "--seed", "1", "--particles", "2000", "--levels", "12", "-o", file)
	if r.code != 0 {
		t.Fatal(r.err)
	}
	table, err := draws.Read(file, draws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range []float64{3, -4} {
		m := momentsOf(points(table, j))
		near(t, fmt.Sprintf("mean of coordinate %d", j), m.mean, want, 3*m.meanError)
	}
	if r := infer(t, "rerun", file); r.code != 0 || !strings.Contains(r.err, "bit for bit") || !strings.Contains(r.err, "--plugin-given centre=3,-4") {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
}

// What a plug-in may not be called, and where none is looked for.
func TestPluginNames(t *testing.T) {
	ownFolders(t)
	folder := t.TempDir()
	t.Chdir(folder)
	for _, c := range []struct {
		args  []string
		words string
		code  int
	}{
		{[]string{"plugin", "new", "python", "donut"}, "built-in density", exitUsage},
		{[]string{"plugin", "new", "python", "../evil"}, "characters a-z", exitUsage},
		{[]string{"plugin", "new", "pyhton", "x"}, `did you mean "python"?`, exitUsage},
		{[]string{"plugin", "new", "python"}, "a name", exitUsage},
		{[]string{"plugin", "info", "../evil"}, "characters a-z", exitUsage},
		{[]string{"plugin", "info", "none"}, "there is no plug-in", exitUsage},
		{[]string{"plugin", "instal", "x"}, `did you mean "install"?`, exitUsage},
		{[]string{"plugin", "install", "none"}, "no such folder or file", exitData},
		{[]string{"plugin", "install"}, "needs one", exitUsage},
		{[]string{"plugin", "verify", "none"}, "there is no plug-in", exitUsage},
		{[]string{"plugin", "lock", "--update", "none"}, "there is no plug-in", exitUsage},
		{[]string{"plugin", "remove", "none"}, "there is no plug-in", exitUsage},
		{[]string{"plugin", "logs", "none"}, "there is no log", exitPlugin},
		{[]string{"plugin", "logs", "../../etc/passwd"}, "characters a-z", exitUsage},
		{[]string{"plugin", "test", "x", "--plugin-dev", "."}, "not both", exitUsage},
	} {
		if r := infer(t, c.args...); r.code != c.code || !strings.Contains(r.err, c.words) {
			t.Errorf("%v: exits %d: %s", c.args, r.code, r.err)
		}
	}
	if entries, _ := os.ReadDir("."); len(entries) > 0 {
		t.Errorf("files are left: %v", entries)
	}
	// A manifest with a built-in's name is refused, installed or put there by hand.
	named := plugFolder(t, "")
	text, _ := os.ReadFile(filepath.Join(named, "plugin.toml"))
	write(t, filepath.Join(named, "plugin.toml"), strings.Replace(string(text), "test-plug", "donut", 1))
	for _, args := range [][]string{{"plugin", "install", named}, {"sample", "--plugin-dev", named}} {
		if r := infer(t, args...); r.code != exitPlugin || !strings.Contains(r.err, "built-in density") {
			t.Errorf("%v: exits %d: %s", args, r.code, r.err)
		}
	}
	// One that stands in the current folder is found by nobody.
	if err := os.Rename(plugFolder(t, ""), "test-plug"); err != nil {
		t.Fatal(err)
	}
	if r := infer(t, "sample", "--density", "test-plug"); r.code != exitUsage {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	t.Setenv("INFER_PLUGIN_PATH", ".")
	if r := infer(t, "plugin", "list"); r.code != exitUsage || !strings.Contains(r.err, "absolute") {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	t.Setenv("INFER_PLUGIN_PATH", folder)
	if r := infer(t, "sample", "--density", "test-plug"); r.code != exitPlugin || !strings.Contains(r.err, "plugin lock --update test-plug") {
		t.Errorf("a plug-in that nobody installed exits %d: %s", r.code, r.err)
	}
	if r := infer(t, "plugin", "lock", "--update", "test-plug"); r.code != 0 {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	if r := infer(t, "sample", "--density", "test-plug", "--particles", "100", "--steps", "10"); r.code != 0 {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
}

// A plug-in that dies is started again, and the run ends with the bits of one that did not. One that always dies is not, and its
// last words are printed.
func TestPluginThatDies(t *testing.T) {
	ownFolders(t)
	args := []string{"--seed", "3", "--particles", "1000", "--steps", "50", "--sampler", "langevin", "--step", "1e-3"}
	out := t.TempDir()
	healthy, sick := filepath.Join(out, "healthy.npy"), filepath.Join(out, "sick.npy")
	if r := infer(t, slices.Concat([]string{"sample", "--plugin-dev", plugFolder(t, "good"), "-o", healthy}, args)...); r.code != 0 {
		t.Fatal(r.err)
	}
	r := infer(t, slices.Concat([]string{"sample", "--plugin-dev", plugFolder(t, "dies-once"), "-o", sick}, args)...)
	if r.code != 0 || !strings.Contains(r.err, "started again") || !strings.Contains(r.out, "started again 1 time") {
		t.Fatalf("exits %d: %s%s", r.code, r.out, r.err)
	}
	if hashOf(t, healthy) != hashOf(t, sick) {
		t.Error("a plug-in that was started again gives other draws")
	}
	// What was done before it died for good is kept, and the command that is printed goes on with it.
	part := filepath.Join(out, "part.npy")
	folder := plugFolder(t, "dies-later")
	r = infer(t, slices.Concat([]string{"sample", "--plugin-dev", folder, "-o", part}, args)...)
	resume := regexp.MustCompile(`(?m)^  infer (.*)$`).FindStringSubmatch(r.err)
	if r.code != exitPlugin || resume == nil || !strings.Contains(r.err, "part.npy.ckpt") {
		t.Fatalf("exits %d: %s", r.code, r.err)
	}
	write(t, filepath.Join(folder, "well"), "")
	if r := infer(t, fields(resume[1])...); r.code != 0 || hashOf(t, part) != hashOf(t, healthy) {
		t.Errorf("resumed, it exits %d, or has other draws: %s", r.code, r.err)
	}
	for mode, words := range map[string][]string{"dies": {"exit code 7", "| the model fell into a hole", "3 times"}, "panics": {"no such animal"}} {
		began := time.Now()
		r = infer(t, slices.Concat([]string{"sample", "--plugin-dev", plugFolder(t, mode)}, args)...)
		if r.code != exitPlugin || time.Since(began) > 20*time.Second {
			t.Errorf("%s: exits %d after %v", mode, r.code, time.Since(began))
		}
		for _, w := range words {
			if !strings.Contains(r.err, w) {
				t.Errorf("%s: without %q: %s", mode, w, r.err)
			}
		}
	}
}

// A package that a Python lacks is named with that Python.
func TestPluginWithoutNumpy(t *testing.T) {
	ownFolders(t)
	bin := t.TempDir()
	write(t, filepath.Join(bin, "python3"), "#!/bin/sh\necho 'Traceback (most recent call last):' >&2\necho \"ModuleNotFoundError: No module named 'numpy'\" >&2\nexit 1\n")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	file := filepath.Join(t.TempDir(), "model.py")
	write(t, file, "import numpy\n")
	r := infer(t, "sample", "--plugin-dev", file)
	if want := "that is " + filepath.Join(bin, "python3") + ": install numpy for it"; r.code != exitPlugin || !strings.Contains(r.err, want) {
		t.Errorf("exits %d, without %q: %s", r.code, want, r.err)
	}
}

// What a full disk did is no fault of a plug-in.
func TestPluginsAndTheDisk(t *testing.T) {
	if code := exitCode(pluginError(fmt.Errorf("x is not installed: %w", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}))); code != exitData {
		t.Errorf("a full disk exits %d", code)
	}
	if code := exitCode(pluginError(errors.New("x"))); code != exitPlugin {
		t.Errorf("a plug-in exits %d", code)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	ownFolders(t)
	if r := infer(t, "plugin", "install", plugFolder(t, "")); r.code != 0 {
		t.Fatal(r.err)
	}
	for _, verb := range []string{"list", "verify", "lock", "info"} {
		args := []string{"plugin", verb}
		if verb == "info" {
			args = append(args, "test-plug")
		}
		c := command(args...)
		c.Stdout = full
		errs, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(errs)
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != exitData || !strings.Contains(string(said), "no space left") {
			t.Errorf("%s exits %d: %s", verb, code, said)
		}
	}
}

func TestPluginTimeout(t *testing.T) {
	ownFolders(t)
	began := time.Now()
	r := infer(t, "sample", "--plugin-dev", plugFolder(t, "slow"), "--plugin-timeout", "300ms", "--particles", "1000")
	if r.code != exitPlugin || !strings.Contains(r.err, "300ms") {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it takes %v", took)
	}
}

// P13, oq-engine PR#3012: Ctrl-C reaches the whole group. One message, no trace, 130 within 2 s, and nobody is left. P07, dkron#247: after
// kill -9 of the host nobody is left either.
func TestPluginSignals(t *testing.T) {
	ownFolders(t)
	folders := map[string]string{"go": plugFolder(t, "slow")}
	if python := pythonWithNumpy(); python != "" {
		folders["python"] = slowPython(t, python)
	}
	for language, folder := range folders {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
			c := command("sample", "--plugin-dev", folder, "--seed", "1", "--particles", "200", "--steps", "100000", "--sampler", "langevin")
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			temporary := t.TempDir()
			c.Env = append(c.Env, "TMPDIR="+temporary)
			var errs bytes.Buffer
			c.Stderr = &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			plug := waitForPlugin(t, c.Process.Pid)
			time.Sleep(500 * time.Millisecond)
			began := time.Now()
			if err := syscall.Kill(-c.Process.Pid, s); err != nil {
				t.Fatal(err)
			}
			err := c.Wait()
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s, %v: it takes %v", language, s, took)
			}
			var exit *exec.ExitError
			if s == syscall.SIGINT {
				if !errors.As(err, &exit) || exit.ExitCode() != 130 {
					t.Errorf("%s: %v: %s", language, err, errs.String())
				}
				lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
				if len(lines) != 3 || strings.Contains(errs.String(), "Traceback") || strings.Contains(errs.String(), "goroutine") || strings.Contains(errs.String(), "end of its log") {
					t.Errorf("%s: more is said than that it is stopped:\n%s", language, errs.String())
				}
			}
			for end := time.Now().Add(2 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				left, _ := os.ReadDir(temporary)
				if syscall.Kill(-plug, 0) != nil && len(left) == 0 {
					break
				}
				if time.Now().After(end) {
					t.Errorf("%s, %v: the plug-in lives on, or its files do: %v", language, s, left)
					_ = syscall.Kill(-plug, syscall.SIGKILL)
					break
				}
			}
		}
	}
}

// waitForPlugin waits for the plug-in of a host.
func waitForPlugin(t *testing.T, host int) int {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		entries, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range entries {
			text, err := os.ReadFile(path)
			if err == nil && bytes.Contains(text, []byte(protocol.ParentVariable+"="+strconv.Itoa(host)+"\x00")) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
				return pid
			}
		}
	}
	t.Skip("the plug-in's process is not found: this needs /proc")
	return 0
}

// pythonWithNumpy is a Python that has numpy, "" if there is none.
func pythonWithNumpy() string {
	name := os.Getenv("INFER_TEST_PYTHON")
	if name == "" {
		name = "python3"
	}
	path, err := exec.LookPath(name)
	if err != nil || exec.Command(path, "-c", "import numpy").Run() != nil {
		return ""
	}
	return path
}

func slowPython(t *testing.T, python string) string {
	folder := filepath.Join(t.TempDir(), "slow-python")
	write(t, filepath.Join(folder, "plugin.toml"), "name = \"slow-python\"\nversion = \"1\"\nprotocol = \"infer.plugin.v1\"\nkinds = [\"density\"]\ncommand = ["+strconv.Quote(python)+", \"m.py\"]\ntransport = \"frames\"\nstart_timeout = \"60s\"\n[files]\n\"m.py\" = \"\"\n")
	write(t, filepath.Join(folder, "m.py"), "import time\nimport infer_plugin as infer\n@infer.density(dim=2, gradient=True)\ndef slow(x):\n    time.sleep(30)\n    return -(x**2).sum(axis=1)/2, -x\ninfer.serve()\n")
	return folder
}
