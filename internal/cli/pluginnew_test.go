//go:build unix

package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A new plug-in in Python works, also with a print as its first line (P01), and passes its own test and the conformance kit.
func TestNewPythonPlugin(t *testing.T) {
	python := pythonWithNumpy()
	if python == "" {
		t.Skip("there is no Python with numpy: set INFER_TEST_PYTHON to one")
	}
	ownFolders(t)
	bin := t.TempDir()
	write(t, filepath.Join(bin, "python3"), "#!/bin/sh\nexec '"+python+"' \"$@\"\n") // a link would leave its virtual environment
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Chdir(t.TempDir())
	if r := infer(t, "plugin", "new", "python", "my-score"); r.code != 0 {
		t.Fatal(r.err)
	}
	if r := infer(t, "plugin", "new", "python", "my-score"); r.code != exitData || !strings.Contains(r.err, "there already") {
		t.Errorf("again, it exits %d: %s", r.code, r.err)
	}
	test := exec.Command("python3", "test_model.py")
	test.Dir = "my-score"
	if out, err := test.CombinedOutput(); err != nil {
		t.Errorf("its own test: %v\n%s", err, out)
	}
	text, err := os.ReadFile("my-score/model.py")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "my-score/model.py", "print('loading')\n"+strings.Replace(string(text), "import infer_plugin as infer\n", "import infer_plugin as infer\nprint('imported')\n", 1))
	if r := infer(t, "plugin", "install", "./my-score"); r.code != 0 {
		t.Fatal(r.err)
	}
	for _, args := range [][]string{{"--density", "my-score", "--steps", "20"}, {"--model", "my-score", "--steps", "2"}} {
		if r := infer(t, slices.Concat([]string{"sample", "--particles", "500", "--seed", "1"}, args)...); r.code != 0 || !strings.Contains(r.out, "plug-in") {
			t.Errorf("%v exits %d: %s%s", args, r.code, r.out, r.err)
		}
	}
	if r := infer(t, "plugin", "logs", "my-score"); !strings.Contains(r.out, "imported") {
		t.Errorf("what it prints is not in its log: %s", r.out)
	}
	// One file alone is a plug-in too.
	if r := infer(t, "plugin", "install", "my-score/model.py", "--plugin-dir", "one"); r.code != 0 || !strings.Contains(r.out, "my-score 0.1.0") {
		t.Errorf("one file exits %d: %s%s", r.code, r.out, r.err)
	}
	if r := infer(t, "sample", "--density", "my-score", "--plugin-dir", "one", "--particles", "100", "--steps", "5"); r.code != 0 {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	var report struct {
		Failed, Passed int
		Results        []struct{ Check, Status, Detail string }
		Overhead       []any
	}
	r := infer(t, "plugin", "test", "my-score", "--quick", "--json")
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || r.code != 0 || report.Passed < 40 || report.Failed > 0 || len(report.Overhead) < 4 {
		t.Errorf("exits %d, %v: %d passed, %d failed: %s", r.code, err, report.Passed, report.Failed, r.err)
		for _, c := range report.Results {
			if c.Status == "fail" {
				t.Error(c.Check, c.Detail)
			}
		}
	}
}

// A new plug-in in Go builds from a checkout without fetching anything, and works.
func TestNewGoPlugin(t *testing.T) {
	if checkoutFolder() == "" {
		t.Skip("this binary was built without paths")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go")
	}
	mod, err := os.ReadFile(filepath.Join(checkoutFolder(), "go.mod"))
	if err != nil || !strings.Contains(string(mod), "\ngo "+goVersion+"\n") {
		t.Errorf("goVersion is %s, and go.mod says another", goVersion)
	}
	ownFolders(t)
	t.Chdir(t.TempDir())
	if r := infer(t, "plugin", "new", "go", "my-density"); r.code != 0 {
		t.Fatal(r.err)
	}
	if r := infer(t, "plugin", "install", "my-density"); r.code != exitPlugin || !strings.Contains(r.err, "build it first, in my-density: go build -o my-density") {
		t.Errorf("not built, it exits %d: %s", r.code, r.err)
	}
	for _, args := range [][]string{{"test"}, {"build", "-o", "my-density"}} {
		c := exec.Command(tool, args...)
		c.Dir = "my-density"
		c.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	if r := infer(t, "plugin", "install", "my-density"); r.code != 0 {
		t.Fatal(r.err)
	}
	for _, args := range [][]string{{"--density", "my-density", "--steps", "20"}, {"--model", "my-density", "--steps", "2"}} {
		if r := infer(t, slices.Concat([]string{"sample", "--particles", "500", "--seed", "1"}, args)...); r.code != 0 {
			t.Errorf("%v exits %d: %s%s", args, r.code, r.out, r.err)
		}
	}
	if r := infer(t, "plugin", "test", "my-density", "--quick", "--only", "open,batch,row,score,logp,gradient,order,stop-asked"); r.code != 0 {
		t.Errorf("test exits %d: %s%s", r.code, r.out, r.err)
	}
	if r := infer(t, "plugin", "test", "my-density", "--only", "gradeint"); r.code != exitUsage || !strings.Contains(r.err, `did you mean "gradient"?`) {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	// The program alone is a plug-in too.
	if r := infer(t, "plugin", "remove", "my-density"); r.code != 0 {
		t.Error(r.err)
	}
	if r := infer(t, "plugin", "install", "my-density/my-density"); r.code != 0 || !strings.Contains(r.out, "my-density 0.1.0") {
		t.Errorf("the program alone exits %d: %s%s", r.code, r.out, r.err)
	}
	if r := infer(t, "sample", "--density", "my-density", "--particles", "100", "--steps", "5"); r.code != 0 {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
}
