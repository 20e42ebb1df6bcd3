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

func ExampleWriteSafetensors() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "line.safetensors")
	err := store.WriteSafetensors(path, store.Safetensors{
		Metadata: map[string]string{"note": "y = w x + b"},
		Tensors: []store.Tensor{
			store.FromFloat32s("w", []float32{1, 2, 3, 4}, 2, 2),
			store.FromFloat32s("b", []float32{0.5, -0.5}, 2),
		},
	})
	fmt.Println(err)

	line, err := store.ReadSafetensors(path)
	fmt.Println(line.Metadata["note"], len(line.SHA256), err)
	w, _ := line.Find("w")
	values, err := w.Float32s()
	fmt.Println(w.Shape, values, err)
	// Output:
	// <nil>
	// y = w x + b 64 <nil>
	// [2 2] [1 2 3 4] <nil>
}

func ExampleReadNewest() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "donut.safetensors")
	for step := 100; step <= 500; step += 100 {
		store.WriteRotating(path, step, store.Safetensors{Tensors: []store.Tensor{store.FromFloat64s("w", []float64{0.5})}}, 3)
	}
	os.Truncate(path+".ckpt-00000500", 0)

	newest, err := store.ReadNewest(path)
	fmt.Println(newest.Number, filepath.Base(newest.Path), len(newest.Skipped), err)
	// Output:
	// 400 donut.safetensors.ckpt-00000400 1 <nil>
}
