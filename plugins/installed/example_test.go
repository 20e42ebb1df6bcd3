package installed_test

import (
	"fmt"

	"github.com/scorefield/infer/plugins/installed"
)

func ExampleParseManifest() {
	m, err := installed.ParseManifest([]byte(`
name = "my-score"
version = "0.1.0"
protocol = "infer.plugin.v1"
kinds = ["score"]
command = ["python3", "my_score.py"]
transport = "frames"

[files]
"my_score.py" = ""
`))
	fmt.Println(m.Name, m.Kinds, m.Paths(), err)
	_, err = installed.ParseManifest([]byte(`nmae = "my-score"`))
	fmt.Println(err)
	// Output:
	// my-score [score] [my_score.py plugin.toml] <nil>
	// plugin.toml: unknown key "nmae"; did you mean "name"?
}
