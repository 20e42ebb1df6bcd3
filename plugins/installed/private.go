package installed

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// privatePrefix begins the names of private folders below the folder for temporary files.
const privatePrefix = "infer-plugin-"

const youth = time.Minute

// privateFolder makes a folder that only this user can enter. Its lock marks it as in use for as long as this process lives; those
// whose process was killed are removed on the way.
func privateFolder() (folder string, release func(), err error) {
	sweep(os.TempDir())
	folder, err = os.MkdirTemp("", privatePrefix)
	if err != nil {
		return "", nil, err
	}
	lease, _, err := leased(folder)
	if err != nil {
		os.RemoveAll(folder)
		return "", nil, err
	}
	return folder, func() { lease.Close() }, nil
}

// sweep removes private folders of this user that no process has locked. Young ones are left alone: they may be about to be locked.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), privatePrefix) || !e.IsDir() || time.Since(info.ModTime()) < youth {
			continue
		}
		folder := filepath.Join(parent, e.Name())
		if lease, _, err := leased(folder); err == nil {
			os.RemoveAll(folder) // a stranger's stays: it is not ours to remove
			lease.Close()
		}
	}
}
