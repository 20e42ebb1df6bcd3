// Command infer draws from probability densities. See `infer --help`.
package main

import (
	"os"

	"github.com/scorefield/infer/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
