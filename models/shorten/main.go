// Command shorten rounds the weights of a trained model to 16 bits, as those of the models that come with the program are:
//
//	go run ./models/shorten mnist-30m.safetensors models/weights/mnist.safetensors
package main

import (
	"fmt"
	"os"

	"github.com/scorefield/infer/score"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: shorten MODEL.safetensors SHORT.safetensors")
		os.Exit(2)
	}
	if err := shorten(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "shorten:", err)
		os.Exit(5)
	}
}

func shorten(from, to string) error {
	m, err := score.Load(from)
	if err != nil {
		return err
	}
	short, err := m.Short()
	if err != nil {
		return err
	}
	return short.Save(to)
}
