// Package docs holds the guides; its test runs what they show.
package docs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// block is a fenced part of a page.
type block struct {
	page, language, text string
}

func blocks(t *testing.T) []block {
	t.Helper()
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	fence := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
			all = append(all, block{page, m[1], m[2]})
		}
	}
	return all
}

// Every program of the guides prints what the block of text behind it says.
func TestPrograms(t *testing.T) {
	list := blocks(t)
	count := 0
	for i, b := range list {
		if b.language != "go" || !strings.Contains(b.text, "package main") {
			continue
		}
		count++
		name := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(name, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "run", name).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s\n%s", b.page, err, b.text, out)
			continue
		}
		if i+1 < len(list) && list[i+1].language == "text" && list[i+1].page == b.page && list[i+1].text != string(out) {
			t.Errorf("%s: the program prints\n%s\nand the page says\n%s", b.page, out, list[i+1].text)
		}
	}
	if count == 0 {
		t.Error("no program found: the pages have another form than this test expects")
	}
}

// Every command of the guides ends with the code that a comment behind it says, 0 without one.
func TestCommands(t *testing.T) {
	folder := t.TempDir()
	binary := filepath.Join(folder, "infer")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/infer").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	digits(t, folder)
	count := 0
	for _, b := range blocks(t) {
		if b.language != "sh" {
			continue
		}
		for _, line := range strings.Split(strings.ReplaceAll(b.text, "\\\n", ""), "\n") {
			line = strings.TrimSpace(strings.Replace(line, "go run ./cmd/infer", "infer", 1))
			if !strings.HasPrefix(line, "infer ") {
				continue
			}
			count++
			want := 0
			if m := regexp.MustCompile(`# exits (\d+)`).FindStringSubmatch(line); m != nil {
				want, _ = strconv.Atoi(m[1])
			}
			c := exec.Command("sh", "-c", line)
			c.Dir = folder
			c.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			err := c.Run()
			code := 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != want {
				t.Errorf("%s: %s\nexits %d, want %d\n%s", b.page, line, code, want, out.String())
			}
		}
	}
	if count == 0 {
		t.Error("no command found: the pages have another form than this test expects")
	}
}

// digits writes a folder mnist, with training and test files of a few images, for the commands of the guides.
func digits(t *testing.T, folder string) {
	t.Helper()
	f, err := os.Open("../internal/dataset/testdata/idx/images-idx3-ubyte.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	file, err := io.ReadAll(unzip)
	if err != nil {
		t.Fatal(err)
	}
	const header, copies = 16, 10 // more than a batch
	pixels := bytes.Repeat(file[header:], copies)
	images := append([]byte{0, 0, 8, 3, 0, 0, 0, 16 * copies, 0, 0, 0, 28, 0, 0, 0, 28}, pixels...)
	labels := []byte{0, 0, 8, 1, 0, 0, 0, 16 * copies}
	for i := range 16 * copies {
		labels = append(labels, byte(i%10))
	}
	folder = filepath.Join(folder, "mnist")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"train", "t10k"} {
		if err := os.WriteFile(filepath.Join(folder, part+"-images-idx3-ubyte"), images, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, part+"-labels-idx1-ubyte"), labels, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
