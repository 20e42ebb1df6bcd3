package python_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/plugins/python"
)

// pythonVariable names a Python with numpy. Where it is set the tests that need one do not skip.
const pythonVariable = "INFER_TEST_PYTHON"

func interpreter(t *testing.T) string {
	t.Helper()
	name := os.Getenv(pythonVariable)
	path, err := exec.LookPath(cmp.Or(name, "python3"))
	if err == nil {
		if _, failed := exec.Command(path, "-c", "import numpy").Output(); failed != nil {
			err = fmt.Errorf("%s has no numpy", path)
		}
	}
	switch {
	case err != nil && name != "":
		t.Fatalf("%v, and %s says that it is there", err, pythonVariable)
	case err != nil:
		t.Skipf("%v: set %s to a Python that has it", err, pythonVariable)
	}
	return path
}

func write(t *testing.T, name string) string {
	t.Helper()
	files, err := python.New(name)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for file, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestNewPluginPassesItsTest(t *testing.T) {
	command := exec.Command(interpreter(t), "test_model.py")
	command.Dir = write(t, "my-score")
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all checks passed") || !strings.Contains(string(out), "pass  score:") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSDK(t *testing.T) {
	if testing.Short() {
		t.Skip("about 20 s")
	}
	command := exec.Command(interpreter(t), "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-s", "tests")
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func TestNewFilesAreListedAndNamed(t *testing.T) {
	files, err := python.New("my-score")
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range files {
		if !strings.HasPrefix(file, "infer_plugin/") && bytes.Contains(text, []byte("NAME")) {
			t.Errorf("%s still has NAME in it", file)
		}
		if file != "plugin.toml" && !bytes.Contains(files["plugin.toml"], fmt.Appendf(nil, "%q = \"\"\n", file)) {
			t.Errorf("plugin.toml does not list %s", file)
		}
	}
	if len(files) < 9 || !bytes.Contains(files["model.py"], []byte(`name="my-score"`)) {
		t.Errorf("%d files, model.py:\n%s", len(files), files["model.py"])
	}
}

func TestNamesThatArePathsAreRefused(t *testing.T) {
	for _, name := range []string{"", "../x", "A", "a b", "-a", "a/b", "a\x00", strings.Repeat("a", 65), "é"} {
		if _, err := python.New(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func ExampleNew() {
	files, err := python.New("my-score")
	fmt.Println(len(files) > 0, err)
	// Output: true <nil>
}
