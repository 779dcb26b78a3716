package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// The scripts run the program as a process of its own.
func TestMain(m *testing.M) {
	testkit.AtOnce(6)
	testscript.Main(m, map[string]func(){"hacarus": main, "natsnode": natsNode})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txt"))
	require.NoError(t, err)
	if testkit.Race { // those in which goroutines meet
		scripts = slices.DeleteFunc(scripts, func(path string) bool {
			return !slices.Contains([]string{"serve.txt", "train.txt"}, filepath.Base(path))
		})
	}
	testscript.Run(t, testscript.Params{
		Files:              scripts,
		RequireUniqueNames: true,
		Setup:              func(env *testscript.Env) error { return prepare(env, root) },
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":      await,
			"executions": executions,
			"exits":      exits,
			"json":       checkJSON,
			"judged":     judgedPlates,
			"model":      modelVariable,
			"profiles":   writeProfiles,
			"ready":      trainedModel,
			"sorted":     sortedPlates,
			"tls":        serveTLS,
			"verdicts":   awaitVerdicts,
			"webpage":    serveWebPage,
		},
	})
}

// prepare gives a script a service, with what it takes to reach it in the
// environment, and a free address.
func prepare(env *testscript.Env, root string) error {
	server := hacarustest.NewServer()
	env.Defer(server.Close)
	env.Values["server"] = server
	for name, value := range map[string]string{
		"HOME":                  env.WorkDir,
		"XDG_CONFIG_HOME":       filepath.Join(env.WorkDir, ".config"),
		"LANG":                  "C",
		"PLATES":                filepath.Join(root, "testdata", "plates"),
		"ADDR":                  testkit.FreeAddress(),
		"HACARUS_BASE_URL":      server.URL,
		"HACARUS_CLIENT_ID":     server.ClientID,
		"HACARUS_CLIENT_SECRET": server.ClientSecret,
	} {
		env.Setenv(name, value)
	}
	return writeNames(filepath.Join(env.WorkDir, "names"))
}

// writeNames makes images with names that are hard on programs, one of them
// twice and one broken.
func writeNames(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return nil //nolint:nilerr // the script has no use for them
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 40))); err != nil {
		return err
	}
	picture := slices.Clip(b.Bytes())
	for name, content := range map[string][]byte{
		"x\nOK  forged.png": append(picture, 1), "\x93\x8a.png": append(picture, 2), "=1+2.png": append(picture, 3),
		"train (1).png": picture, "検査　1.png": picture, "b.png": append(picture, 0), "broken.png": picture[:40], ".hidden.png": picture,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// await waits until somebody answers at a URL: await URL
func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if response, err := http.Get(args[0]); err == nil { //nolint:noctx // the script has its own deadline
			response.Body.Close()
			return
		}
	}
	ts.Fatalf("nobody answers at %s", args[0])
}

// awaitVerdicts waits until a line has so many verdicts: verdicts COUNT FLAG...
func awaitVerdicts(ts *testscript.TestScript, _ bool, args []string) {
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		ts.Check(ts.Exec("hacarus", append([]string{"line", "tail", "--once", "-o", "jsonl"}, args[1:]...)...))
		if strings.Count(ts.ReadFile("stdout"), "\n") >= count {
			return
		}
	}
	ts.Fatalf("verdicts are missing")
}

// exits fails if a program ends with another code: exits CODE COMMAND...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// executions prints how often the service has executed an operation: executions OPERATION
func executions(ts *testscript.TestScript, _ bool, args []string) {
	server := ts.Value("server").(*hacarustest.Server)
	_, err := fmt.Fprintln(ts.Stdout(), server.Executions(args[0]))
	ts.Check(err)
}

// sortedPlates copies the plates into set/good and set/bad, by kind of defect.
func sortedPlates(ts *testscript.TestScript, _ bool, _ []string) {
	dir := filepath.Join(ts.Getenv("PLATES"), "inspect")
	entries, err := os.ReadDir(dir)
	ts.Check(err)
	for _, e := range entries {
		target := filepath.Join("set", "good", e.Name())
		if kind, ok := strings.CutPrefix(e.Name(), "NG-"); ok {
			target = filepath.Join("set", "bad", strings.TrimSuffix(kind[3:], ".jpg"), e.Name())
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		ts.Check(err)
		ts.Check(os.MkdirAll(ts.MkAbs(filepath.Dir(target)), 0o700))
		ts.Check(os.WriteFile(ts.MkAbs(target), content, 0o600))
	}
}

// judgedPlates writes record.jsonl, in which a model and a person have judged the
// plates: OK what is good and NG what is bad, but for one of each that nobody has
// judged and one that the person is not sure of. The plates are in the folder line.
func judgedPlates(ts *testscript.TestScript, _ bool, _ []string) {
	dir := filepath.Join(ts.Getenv("PLATES"), "inspect")
	entries, err := os.ReadDir(dir)
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs("line"), 0o700))
	r, err := record.Open(ts.MkAbs("record.jsonl"))
	ts.Check(err)
	for n, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(filepath.Join("line", entry.Name())), content, 0o600))
		sum := sha256.Sum256(content)
		e := record.Entry{
			ID: entry.Name(), Time: time.Date(2026, 1, 30, 23, 0, n, 0, time.Local), File: entry.Name(), Dir: ts.MkAbs("line"),
			SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), Verdict: "NG", Boxes: [][4]int{{10, 20, 30, 50}}, By: record.Model, Model: "m",
		}
		ts.Check(r.Append(e))
		e.By, e.Note, e.Time = "佐藤", "=looked at", e.Time.Add(2*time.Hour)
		switch {
		case strings.HasSuffix(entry.Name(), "-04.jpg") || entry.Name() == "NG-01-scratch.jpg":
			continue
		case entry.Name() == "NG-06-stain.jpg":
			e.Verdict, e.Boxes = "unknown", nil
		case strings.HasPrefix(entry.Name(), "OK"):
			e.Verdict, e.Boxes = "OK", nil
		}
		ts.Check(r.Append(e))
	}
	ts.Check(r.Close())
}

// serveTLS serves the script's service with a certificate of its own, which is in
// ca.pem, and sets TLS to its URL.
func serveTLS(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewTLSServer(ts.Value("server").(*hacarustest.Server).Handler())
	ts.Defer(server.Close)
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), pem.EncodeToMemory(block), 0o600))
	ts.Setenv("TLS", server.URL)
}

// serveWebPage serves what is no API, and sets WEBPAGE to its URL.
func serveWebPage(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "Tue, 01 Jan 2030 00:00:00 GMT")
		_, _ = io.WriteString(w, "<!doctype html><title>Welcome</title>")
	}))
	ts.Defer(server.Close)
	ts.Setenv("WEBPAGE", server.URL)
}

// writeProfiles writes a file of profiles for a service: profiles URL ID
func writeProfiles(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs("secret.txt"), []byte(ts.Getenv("SECRET")+"\n"), 0o600))
	raw, err := json.Marshal(map[string]any{"default": "line7", "profiles": map[string]any{
		"line7":  map[string]any{"base_url": args[0], "client_id": args[1], "credential_command": []string{"cat", ts.MkAbs("secret.txt")}},
		"broken": map[string]any{"base_url": args[0], "client_id": args[1], "credential_command": []string{"no-such-program"}},
	}})
	ts.Check(err)
	path := ts.MkAbs(filepath.Join(".config", "hacarus", "profiles.json"))
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, raw, 0o600))
}

// checkJSON fails if a file is not JSON, or with "lines" if one of its lines is
// not: json [lines] FILE
func checkJSON(ts *testscript.TestScript, _ bool, args []string) {
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[len(args)-1])))
	count := 0
	for {
		var v any
		err := decoder.Decode(&v)
		if err == io.EOF {
			break
		}
		ts.Check(err)
		count++
	}
	if args[0] != "lines" && count != 1 {
		ts.Fatalf("%d values of JSON", count)
	}
}

// modelVariable sets a variable to the id of the model that was shown last: model NAME
func modelVariable(ts *testscript.TestScript, _ bool, args []string) {
	var model struct {
		ModelID string `json:"model_id"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &model))
	ts.Setenv(args[0], model.ModelID)
}

// trainedModel trains the script's service on the plates, and sets MODEL.
func trainedModel(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Exec("hacarus", "train", "--algorithm", "Pattern Matching", "--name", "plates", filepath.Join(ts.Getenv("PLATES"), "train"), "-o", "json"))
	modelVariable(ts, false, []string{"MODEL"})
}
