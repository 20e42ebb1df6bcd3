package store_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/scorefield/infer/internal/store"
)

func ExampleWriteFile() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "draws.csv")
	err := store.WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "x0,x1\n0.5,1\n")
		return err
	})
	text, _ := os.ReadFile(path)
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// x0,x1
	// 0.5,1
	// <nil>
}

func ExampleWriteCheckpoint() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "draws.npz.ckpt")
	store.WriteCheckpoint(path, []store.Section{{Name: "seed", Data: []byte("17")}})
	sections, err := store.ReadCheckpoint(path)
	fmt.Printf("seed %s, %v\n", sections["seed"], err)

	damaged, _ := os.ReadFile(path)
	damaged[len(damaged)/2]++
	os.WriteFile(path, damaged, 0o666)
	_, err = store.ReadCheckpoint(path)
	fmt.Println(err != nil)
	// Output:
	// seed 17, <nil>
	// true
}
