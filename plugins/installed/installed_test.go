//go:build unix

package installed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const manifest = `name = "my-score"
version = "0.1.0"
protocol = "infer.plugin.v1"
kinds = ["score"]
command = ["run.sh"]
transport = "frames"

[files]
"run.sh" = ""
"data/weights" = ""
`

// folder makes a folder of files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	top := t.TempDir()
	for name, content := range files {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func good() map[string]string {
	return map[string]string{ManifestFile: manifest, "run.sh": "#!/bin/sh\n", "data/weights": "1 2 3", "notes.txt": "not listed"}
}

func installedIn(t *testing.T) (place string, p Plugin) {
	t.Helper()
	place = filepath.Join(t.TempDir(), "deep", "plugins")
	p, replaced, err := Install(place, Source{Path: folder(t, good())})
	if err != nil || replaced != "" {
		t.Fatal(replaced, err)
	}
	return place, p
}

// checked is the first fault of a plug-in.
func checked(p Plugin) error {
	_, faults, err := p.Check()
	return errors.Join(append(faults, err)...)
}

// contents is everything below a folder but its lock file, by path.
func contents(t *testing.T, top string) map[string]string {
	t.Helper()
	all := map[string]string{}
	_ = filepath.Walk(top, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			text, _ := os.ReadFile(path)
			name, _ := filepath.Rel(top, path)
			all[name] = string(text)
		} else if err == nil && path != top {
			name, _ := filepath.Rel(top, path)
			all[name] = info.Mode().String()
		}
		return nil
	})
	return all
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// A name that could leave the folder, or be another on some system, is found nowhere.
func TestNames(t *testing.T) {
	for _, name := range []string{"", "-a", "A", "a_b", "a.b", "..", "../x", "a/b", `a\b`, "a b", "é", "a\x00", "a\n", strings.Repeat("a", 65), strings.Repeat("../", 1000)} {
		var unknown *UnknownError
		if _, err := Find([]string{t.TempDir()}, name); err == nil || errors.As(err, &unknown) {
			t.Errorf("%q is looked for: %v", name, err)
		}
	}
}

// What is wrong with a manifest is said, with the key and the nearest spelling.
func TestManifests(t *testing.T) {
	if m, err := ParseManifest([]byte(manifest)); err != nil || m.Name != "my-score" || len(m.Files) != 2 || strings.Join(m.Paths(), " ") != "data/weights run.sh plugin.toml" {
		t.Fatal(m, err)
	}
	replaced := func(old, now string) string { return strings.Replace(manifest, old, now, 1) }
	for _, c := range []struct{ text, words string }{
		{"", "name is missing"},
		{"name", "line 1"},
		{"\x00\xff", "line 1"},
		{replaced("kinds", "kindz"), `"kindz"; did you mean "kinds"?`},
		{replaced("name", "qqqqqqq"), "there are name, version"},
		{replaced("version", "VERSION"), "version is missing"},
		{manifest + "[files2]\n", `did you mean "files"?`},
		{replaced(`"my-score"`, `"../evil"`), "characters a-z"},
		{replaced(`"my-score"`, `"My"`), "characters a-z"},
		{replaced(`"my-score"`, `7`), "name is of another type: a text in quotes is wanted"},
		{replaced(`["run.sh"]`, `"run.sh"`), "command is of another type: a list of words"},
		{replaced("transport", "start_timeout = 60\ntransport"), `a duration in quotes like "60s"`},
		{strings.Split(manifest, "[files]")[0] + "files = [\"run.sh\"]\n", "files is of another type: a table"},
		{replaced(`"0.1.0"`, `""`), "version"},
		{replaced(`"0.1.0"`, `"1 2"`), "version"},
		{replaced(`"0.1.0"`, `"1\u001b[2J"`), "control"},
		{replaced("plugin.v1", "plugin.v2"), "update infer"},
		{replaced("plugin.v1", "plugin.v0"), "update the plug-in"},
		{replaced(`["score"]`, `["scores"]`), `did you mean "score"?`},
		{replaced(`["score"]`, `[]`), "kinds is empty"},
		{replaced(`["score"]`, `["score", "score"]`), "twice"},
		{replaced(`"frames"`, `"frame"`), `did you mean "frames"?`},
		{replaced(`["run.sh"]`, `[]`), "command is empty"},
		{replaced(`["run.sh"]`, `["./run.sh"]`), "none of files"},
		{replaced(`["run.sh"]`, `["../run.sh"]`), "none of files"},
		{replaced(`"run.sh" = ""`, `run.sh = ""`), "quote the whole name"},
		{replaced(`"run.sh" = ""`, `"run.sh" = "abc"`), "64 hexadecimal"},
		{replaced(`"data/weights"`, `"../weights"`), "no path below"},
		{replaced(`"data/weights"`, `"/etc/passwd"`), "no path below"},
		{replaced(`"data/weights"`, `"a/../../b"`), "no path below"},
		{replaced(`"data/weights"`, `"a//b"`), "no path below"},
		{replaced(`"data/weights"`, `"a\\b"`), "no path below"},
		{replaced(`"data/weights"`, `"c:b"`), "no path below"},
		{replaced(`"data/weights"`, `".hidden"`), "hidden"},
		{replaced(`"data/weights"`, `"plugin.toml"`), "itself"},
		{replaced(`"data/weights"`, `"RUN.sh"`), "one file on some systems"},
		{replaced("transport", "start_timeout = \"1\"\ntransport"), "duration"},
		{replaced("transport", "start_timeout = \"-1s\"\ntransport"), "duration"},
		{strings.Repeat("#", longestManifest+1), "at most"},
		{"a = " + strings.Repeat("[", longestManifest-10), "plugin.toml"},
	} {
		_, err := ParseManifest([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%.300q\nsays %v, without %q", c.text, err, c.words)
		}
	}
	whole, err := ParseManifest([]byte(replaced("transport", "start_timeout = \"90s\"\nabout = \"\\\"x\"\ntransport")))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseManifest(whole.Text()); err != nil || !reflect.DeepEqual(again, whole) {
		t.Errorf("%v becomes %v: %v\n%s", whole, again, err, whole.Text())
	}
	m, err := ParseManifest([]byte(replaced("transport", "start_timeout = \"90s\"\ntransport")))
	if err != nil || m.StartTimeout != 90*time.Second {
		t.Error(m.StartTimeout, err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(manifest))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := ParseManifest(text); err == nil {
			for name := range m.Files {
				if !filepath.IsLocal(name) {
					t.Errorf("%q leaves the folder", name)
				}
			}
		}
	})
}

// The current folder is not searched, and neither is what a relative entry of the variable would name.
func TestFolders(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data")
	t.Setenv(Variable, "/one:/two/../three::")
	got, err := Folders("asked")
	wd, _ := os.Getwd()
	if want := filepath.Join(wd, "asked") + " /one /three /data/infer/plugins"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
	for _, path := range []string{".", "plugins", "/one:./x"} {
		t.Setenv(Variable, path)
		if list, err := Folders(""); err == nil {
			t.Errorf("%s=%s gives %v", Variable, path, list)
		}
	}
	t.Setenv(Variable, "")
	t.Setenv("XDG_DATA_HOME", "relative")
	t.Setenv("HOME", "/somebody")
	if got, err := Folders(""); err != nil || strings.Join(got, " ") != "/somebody/.local/share/infer/plugins" {
		t.Error(got, err)
	}
	t.Setenv("HOME", "")
	if got, err := Folders(""); err == nil {
		t.Error(got)
	}
}

func TestInstallTakeUpdateRemove(t *testing.T) {
	place, p := installedIn(t)
	if found, err := Find([]string{filepath.Join(place, "none"), place}, "my-score"); err != nil || found.Place != place || found.Version != "0.1.0" {
		t.Fatal(found, err)
	}
	var unknown *UnknownError
	if _, err := Find([]string{place}, "my-scroe"); !errors.As(err, &unknown) || unknown.Near != "my-score" {
		t.Error(err)
	}
	if left := contents(t, place); left["my-score/notes.txt"] != "" {
		t.Error("a file that no manifest lists was installed")
	}
	m, sums, err := p.Locked()
	if err != nil || len(sums) != 3 || sums["data/weights"] != sumOf([]byte("1 2 3")) || m.Name != "my-score" {
		t.Fatal(m, sums, err)
	}
	before := Sum(m, sums)
	if info, err := os.Stat(filepath.Join(p.Folder(), "run.sh")); err != nil || info.Mode()&0o100 == 0 {
		t.Error(info, err)
	}
	if _, faults, err := p.Check(); err != nil || len(faults) != 0 {
		t.Error(faults, err)
	}
	// One changed byte.
	changedFile := filepath.Join(p.Folder(), "data/weights")
	if err := os.WriteFile(changedFile, []byte("1 2 4"), 0o644); err != nil {
		t.Fatal(err)
	}
	var changed *ChangedError
	if err := checked(p); !errors.As(err, &changed) || changed.File != "data/weights" || changed.Locked != sumOf([]byte("1 2 3")) || changed.Found != sumOf([]byte("1 2 4")) ||
		!strings.Contains(err.Error(), changed.Locked) || !strings.Contains(err.Error(), changed.Found) || !strings.Contains(err.Error(), "infer plugin lock --update my-score --plugin-dir '"+place+"'") {
		t.Errorf("%v", err)
	}
	t.Setenv(Variable, place)
	if err := checked(p); err == nil || !strings.HasSuffix(err.Error(), "infer plugin lock --update my-score") {
		t.Errorf("%v", err)
	}
	if _, faults, err := p.Check(); err != nil || len(faults) != 1 {
		t.Error(faults, err)
	}
	if names, err := Update(p); err != nil || strings.Join(names, " ") != "data/weights" {
		t.Error(names, err)
	}
	if m, sums, err := p.Locked(); err != nil || Sum(m, sums) == before {
		t.Error(err)
	}
	// A changed manifest, a missing file.
	if err := os.WriteFile(filepath.Join(p.Folder(), ManifestFile), []byte(manifest+"# x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Locked(); !errors.As(err, &changed) || changed.File != ManifestFile {
		t.Error(err)
	}
	if _, err := Update(p); err != nil {
		t.Error(err)
	}
	// Changed so that it cannot be read, it is changed first of all.
	if err := os.WriteFile(filepath.Join(p.Folder(), ManifestFile), []byte(manifest+"x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Find([]string{place}, "my-score"); !errors.As(err, &changed) || changed.File != ManifestFile || changed.Locked == "" || changed.Found == "" || !strings.Contains(err.Error(), "first repair it: ") || !strings.Contains(err.Error(), "line ") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(p.Folder(), ManifestFile), []byte(manifest+"# x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	os.Remove(changedFile)
	if err := checked(p); !errors.As(err, &changed) || changed.Found != "" || changed.File != "data/weights" || !strings.Contains(err.Error(), "install it again, or take it out of plugin.toml") {
		t.Error(err)
	}
	if _, err := Update(p); err == nil {
		t.Error("a plug-in with a missing file is accepted")
	}
	if err := Remove(p); err != nil {
		t.Error(err)
	}
	if l, err := ReadLock(place); err != nil || len(l.Plugins) != 0 {
		t.Error(l, err)
	}
	if left := contents(t, place); len(left) != 1 || left[LockFile] == "" {
		t.Error(left)
	}
}

// A plug-in that somebody copied into the folder by hand is in no lock file, and refused.
func TestNotInLock(t *testing.T) {
	place, p := installedIn(t)
	os.Remove(filepath.Join(place, LockFile))
	var changed *ChangedError
	if _, _, err := p.Locked(); !errors.As(err, &changed) || changed.File != "" {
		t.Error(err)
	}
	if _, err := Update(p); err != nil {
		t.Error(err)
	}
	if _, _, err := p.Locked(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{}", "[]", `{"schema_version": 2, "plugins": []}`, `{"schema_version": 1, "plugin": []}`, strings.Repeat("[", 100000)} {
		if err := os.WriteFile(filepath.Join(place, LockFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Locked(); err == nil {
			t.Errorf("the lock file %.50q is taken", text)
		}
	}
}

// Links and pipes in the place of files are refused, at installation and afterwards; nothing outside is read.
func TestOnlyPlainFiles(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("1 2 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	tricks := map[string]func(path string) error{
		"link":     func(path string) error { return os.Symlink(secret, path) },
		"relative": func(path string) error { return os.Symlink("../run.sh", path) },
		"pipe":     func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"folder":   func(path string) error { return os.Mkdir(path, 0o755) },
	}
	for name, trick := range tricks {
		top := folder(t, good())
		place, p := installedIn(t)
		for _, path := range []string{filepath.Join(top, "data/weights"), filepath.Join(p.Folder(), "data/weights")} {
			os.Remove(path)
			if err := trick(path); err != nil {
				t.Fatal(err)
			}
		}
		before := contents(t, place)
		if _, _, err := Install(place, Source{Path: top}); err == nil || !strings.Contains(err.Error(), "plain files") {
			t.Errorf("%s: %v", name, err)
		}
		if !same(contents(t, place), before) {
			t.Errorf("%s: a failed installation changes the folder", name)
		}
		if err := checked(p); err == nil || !strings.Contains(err.Error(), "plain files") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A folder on the way that is a link, and a plug-in that is one.
	place, p := installedIn(t)
	os.RemoveAll(filepath.Join(p.Folder(), "data"))
	outside := folder(t, map[string]string{"weights": "1 2 3"})
	if err := os.Symlink(outside, filepath.Join(p.Folder(), "data")); err != nil {
		t.Fatal(err)
	}
	if err := checked(p); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Error(err)
	}
	if err := os.Symlink(folder(t, good()), filepath.Join(place, "linked")); err != nil {
		t.Fatal(err)
	}
	if _, err := Find([]string{place}, "linked"); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Error(err)
	}
}

func TestInstallReplacesOrLeavesAlone(t *testing.T) {
	place, p := installedIn(t)
	before := contents(t, place)
	bad := func(change func(files map[string]string)) string {
		files := good()
		change(files)
		return folder(t, files)
	}
	for name, c := range map[string]struct{ path, words string }{
		"missing file": {bad(func(f map[string]string) { delete(f, "data/weights") }), "not there"},
		"build":        {bad(func(f map[string]string) { delete(f, "run.sh"); f[ManifestFile] = "build = \"make\"\n" + manifest }), "build it first, in"},
		"no manifest":  {bad(func(f map[string]string) { delete(f, ManifestFile) }), "there is no plugin.toml"},
		"wrong sum": {bad(func(f map[string]string) {
			f[ManifestFile] = strings.Replace(manifest, `"run.sh" = ""`, `"run.sh" = "`+strings.Repeat("0", 64)+`"`, 1)
		}), "damaged"},
		"no such place": {filepath.Join(place, "nowhere"), "no such file"},
		"an empty file": {filepath.Join(folder(t, map[string]string{"x": ""}), "x"), "there is no plugin.toml"},
		"any file":      {filepath.Join(folder(t, map[string]string{"x": strings.Repeat("x", 2000)}), "x"), "no tar archive"},
		"half a gzip":   {filepath.Join(folder(t, map[string]string{"x": "\x1f\x8b"}), "x"), "unpacked"},
	} {
		if _, _, err := Install(place, Source{Path: c.path}); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
		if !same(contents(t, place), before) {
			t.Errorf("%s: a failed installation changes the folder", name)
		}
	}
	refused := errors.New("refused")
	if _, _, err := Install(place, Source{Path: folder(t, good()), Allow: func(Manifest) error { return refused }}); !errors.Is(err, refused) {
		t.Error(err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	if _, _, err := Install(fresh, Source{Path: bad(func(f map[string]string) { delete(f, "run.sh") })}); err == nil {
		t.Error("installed")
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a failed installation leaves a folder")
	}
	// What a folder may lack is lent.
	lent := bad(func(f map[string]string) { delete(f, "data/weights") })
	other := t.TempDir()
	if p, _, err := Install(other, Source{Path: lent, Lend: map[string][]byte{"data/weights": []byte("4"), "run.sh": []byte("no")}}); err != nil || contents(t, p.Folder())["data/weights"] != "4" || contents(t, p.Folder())["run.sh"] != "#!/bin/sh\n" {
		t.Error(err)
	}
	// Another version.
	next := bad(func(f map[string]string) {
		f[ManifestFile] = strings.Replace(manifest, "0.1.0", "0.2.0", 1)
		f["run.sh"] = "#!/bin/sh\n:\n"
	})
	now, replaced, err := Install(place, Source{Path: next})
	if err != nil || replaced != "0.1.0" || now.Version != "0.2.0" {
		t.Fatal(now, replaced, err)
	}
	if err := checked(now); err != nil {
		t.Error(err)
	}
	_ = p
	// A lock file that cannot be read keeps everything as it is.
	if err := os.WriteFile(filepath.Join(place, LockFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	before = contents(t, place)
	if _, _, err := Install(place, Source{Path: folder(t, good())}); err == nil || !same(contents(t, place), before) {
		t.Error(err)
	}
}

// What a killed installation left is removed, and what it had moved away comes back.
func TestLeftovers(t *testing.T) {
	place, p := installedIn(t)
	before := contents(t, place)
	if err := os.MkdirAll(filepath.Join(place, stagePrefix+"1", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(place, oldPrefix+"1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.Folder(), filepath.Join(place, oldPrefix+"1", p.Name)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Install(place, Source{Path: filepath.Join(folder(t, map[string]string{"x": ""}), "x")}); err == nil {
		t.Error("installed")
	}
	if !same(contents(t, place), before) {
		t.Error(contents(t, place))
	}
}

func TestOneInstallationAtATime(t *testing.T) {
	place, _ := installedIn(t)
	done, err := hold(place)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if _, _, err := Install(place, Source{Path: folder(t, good())}); err == nil || !strings.Contains(err.Error(), "another infer") {
		t.Error(err)
	}
}

// entry of an archive.
type entry struct {
	name, content string
	kind          byte
}

func archive(t *testing.T, packed bool, list ...entry) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range list {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o755}
		if e.kind == tar.TypeReg {
			h.Size = int64(len(e.content))
		} else {
			h.Linkname = e.content
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			w.Write([]byte(e.content))
		}
	}
	w.Close()
	text := b.Bytes()
	if packed {
		var g bytes.Buffer
		z := gzip.NewWriter(&g)
		z.Write(text)
		z.Close()
		text = g.Bytes()
	}
	path := filepath.Join(t.TempDir(), "plugin.tar")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestArchives(t *testing.T) {
	file := func(name, content string) entry { return entry{name, content, tar.TypeReg} }
	m, run, weights := file("p/"+ManifestFile, manifest), file("p/run.sh", "#!/bin/sh\n"), file("p/data/weights", "1 2 3")
	for _, packed := range []bool{false, true} {
		for _, list := range [][]entry{
			{m, run, weights},
			{weights, {"p/", "", tar.TypeDir}, run, file("p/more", "x"), file("q", "y"), m},
			{file(ManifestFile, manifest), file("run.sh", "#!/bin/sh\n"), file("./data/weights", "1 2 3")},
			{m, run, weights, file("../../evil", "x"), file("/abs", "x"), {"p/link", "/etc/passwd", tar.TypeSymlink}},
		} {
			place := t.TempDir()
			p, _, err := Install(place, Source{Path: archive(t, packed, list...)})
			if err != nil {
				t.Fatal(err)
			}
			if got := contents(t, p.Folder()); len(got) != 4 || got["data/weights"] != "1 2 3" {
				t.Error(got)
			}
		}
	}
	for name, c := range map[string]struct {
		words string
		list  []entry
	}{
		"empty":         {"there is no plugin.toml", nil},
		"missing":       {"not in the archive", []entry{m, run}},
		"link":          {"no plain file", []entry{m, run, {"p/data/weights", "/etc/passwd", tar.TypeSymlink}}},
		"hard link":     {"no plain file", []entry{m, run, {"p/data/weights", "p/run.sh", tar.TypeLink}}},
		"manifest link": {"no file", []entry{{"p/" + ManifestFile, "x", tar.TypeSymlink}, run, weights}},
		"twice":         {"twice", []entry{m, run, weights, weights}},
		"two manifests": {"two manifests", []entry{m, run, weights, file(ManifestFile, manifest)}},
		"link parent":   {"not in the archive", []entry{m, run, {"p/data", "/etc", tar.TypeSymlink}}},
	} {
		place := filepath.Join(t.TempDir(), "p")
		if _, _, err := Install(place, Source{Path: archive(t, false, c.list...)}); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(place); err == nil {
			t.Errorf("%s: something is left", name)
		}
	}
	whole, err := os.ReadFile(archive(t, true, m, run, weights))
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		path := filepath.Join(t.TempDir(), "cut.tar.gz")
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		place := filepath.Join(t.TempDir(), "p")
		p, _, err := Install(place, Source{Path: path})
		if err == nil {
			if got := contents(t, p.Folder()); n < len(whole)-16 || got["data/weights"] != "1 2 3" { // the end of gzip is a checksum
				t.Errorf("the first %d of %d bytes are installed: %v", n, len(whole), got)
			}
		}
	}
}

func TestList(t *testing.T) {
	first, _ := installedIn(t)
	second, _ := installedIn(t)
	if err := os.MkdirAll(filepath.Join(second, "broken"), 0o755); err != nil {
		t.Fatal(err)
	}
	list := List([]string{first, filepath.Join(first, "none"), second})
	if len(list) != 2 || list[0].Name != "broken" || list[0].Err == nil || list[1].Name != "my-score" || list[1].Place != first {
		t.Error(list)
	}
	if runtime.GOOS == "linux" && Platform()[:6] != "linux_" {
		t.Error(Platform())
	}
}
