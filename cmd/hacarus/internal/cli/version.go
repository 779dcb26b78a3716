package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// version is what the program is made of.
type version struct {
	Version  string `json:"version"`
	SDK      string `json:"sdk"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// versionOf tells the version that a release was given, or else the one that Go
// knows: that of the module, or the commit it was built from.
func versionOf(released string) version {
	v := version{Version: released, SDK: hacarus.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = cmp.Or(v.Version, info.Main.Version)
	}
	v.Version = cmp.Or(v.Version, "(devel)")
	return v
}
