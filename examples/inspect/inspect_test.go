package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The plates of the repository, from this folder.
const (
	plates       = "../../testdata/plates"
	trainPlates  = plates + "/train/*.jpg"
	inspectedAll = plates + "/inspect/*.jpg"
	boards       = "../../testdata/boards"
)

// command is a run of the program and what came of it.
type command struct {
	code           int
	stdout, stderr string
}

func runCommand(ctx context.Context, env map[string]string, args ...string) command {
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, &stdout, &stderr, func(name string) string { return env[name] })
	return command{code, stdout.String(), stderr.String()}
}

// environment is how a user names a service.
func environment(s *hacarustest.Server) map[string]string {
	return map[string]string{
		"HACARUS_BASE_URL":      s.URL,
		"HACARUS_CLIENT_ID":     s.ClientID,
		"HACARUS_CLIENT_SECRET": s.ClientSecret,
	}
}

// onPlates are arguments for the plates, with a report in a folder of the test.
func onPlates(t *testing.T, more ...string) (folder string, args []string) {
	t.Helper()
	folder = t.TempDir()
	return folder, append([]string{"-train", trainPlates, "-inspect", inspectedAll, "-out", folder}, more...)
}

// Every planted defect is found in its place, and no good plate is NG.
func TestPlates(t *testing.T) {
	t.Parallel()
	folder, args := onPlates(t, "-json")
	got := runCommand(t.Context(), nil, args...)
	require.Equal(t, exitOK, got.code, got.stderr)
	var rep report
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &rep))
	results := map[string]result{}
	for _, r := range rep.Results {
		results["inspect/"+r.File] = r
	}
	known, err := truth.Read(plates)
	require.NoError(t, err)
	require.Len(t, results, len(known))
	for _, want := range known {
		r := results[want.File]
		require.Equal(t, hacarus.Verdict(want.Verdict), r.Verdict, want.File)
		require.Len(t, r.Defects, len(want.Defects), want.File)
		for _, planted := range want.Defects {
			best := 0.0
			for _, found := range r.Defects {
				best = max(best, truth.Overlap(planted.Box(), found.rect()))
			}
			require.GreaterOrEqual(t, best, 0.3, "%s: %v", want.File, planted)
		}
		require.FileExists(t, filepath.Join(folder, r.Picture))
	}
}

// Images of unequal sizes are a case for Reconstructor, which finds the scratch.
func TestUnequalSizes(t *testing.T) {
	t.Parallel()
	got := runCommand(t.Context(), nil, "-train", boards+"/train/T-00[13].jpg", "-inspect", boards+"/inspect/NG-03.jpg",
		"-param", "max_iter=2", "-out", t.TempDir())
	require.Equal(t, exitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "Reconstructor Inspection, since the sizes of images differ")
	require.Contains(t, got.stderr, "512x400")
	require.Regexp(t, `NG-03\.jpg +NG `, got.stdout)
}

func TestSuitableAlgorithm(t *testing.T) {
	t.Parallel()
	matching, reconstructor := hacarus.Algorithm{Name: "Pattern Matching"}, hacarus.Algorithm{Name: "Reconstructor Inspection"}
	equal := []hacarus.File{hacarus.FileFromBytes("a.png", square(t, 16)), hacarus.FileFromBytes("b.png", square(t, 16))}
	unequal := slices.Concat(equal, []hacarus.File{hacarus.FileFromBytes("c.png", square(t, 32))})
	for name, test := range map[string]struct {
		known        []hacarus.Algorithm
		files        []hacarus.File
		want, reason string
	}{
		"one size":           {[]hacarus.Algorithm{reconstructor, matching}, equal, "Pattern Matching", "one size"},
		"sizes differ":       {[]hacarus.Algorithm{matching, reconstructor}, unequal, "Reconstructor Inspection", "most have 16x16 pixels, c.png has 32x32"},
		"no Reconstructor":   {[]hacarus.Algorithm{matching}, unequal, "Pattern Matching", "no Reconstructor"},
		"no PatternMatching": {[]hacarus.Algorithm{reconstructor}, equal, "Reconstructor Inspection", "no Pattern Matching"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, reason := suitable(test.known, test.files)
			require.Equal(t, test.want, got.Name)
			require.Contains(t, reason, test.reason)
		})
	}
	got, _ := suitable(nil, equal)
	require.Nil(t, got)
}

// A heat map is fetched where there is one, and drawn over the picture, whatever
// its size.
func TestHeatMap(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	client := s.Client()
	s.AddItem(hacarus.Item{ItemID: "a"}, square(t, 16)) // white is its upper left corner
	item, err := client.GetItem(t.Context(), "a", nil)
	require.NoError(t, err)
	item.Assessments = []hacarus.Assessment{{ModelID: "m", Images: item.Images}}
	none := &hacarus.Item{Assessments: []hacarus.Assessment{{ModelID: "m"}}}
	rep := &report{ModelID: "m", Results: make([]result, 3)}
	j := job{client: client, out: newConsole(io.Discard)}
	require.NoError(t, j.fetchHeat(t.Context(), rep, []*hacarus.Item{nil, item, none}))
	require.Nil(t, rep.Results[0].heat)
	require.Equal(t, square(t, 16), rep.Results[1].heat)
	require.Nil(t, rep.Results[2].heat)

	heat, err := png.Decode(bytes.NewReader(rep.Results[1].heat))
	require.NoError(t, err)
	picture := image.NewUniform(color.Gray{Y: 0x80})
	marked, err := annotate(&image.Gray{Pix: bytes.Repeat([]byte{0x80}, 64*64), Stride: 64, Rect: image.Rect(0, 0, 64, 64)}, heat, hacarus.VerdictNG, nil)
	require.NoError(t, err)
	hot := marked.RGBAAt(12, 12)
	require.Greater(t, hot.R, hot.G)
	require.Greater(t, hot.G, hot.B)
	require.NotEqual(t, orange, hot, "the picture is still to be seen")
	require.Equal(t, picture.RGBA64At(0, 0), marked.RGBA64At(52, 12))

	item.Assessments[0].Images[0].URL = s.URL + "/no/such/image"
	require.ErrorContains(t, j.fetchHeat(t.Context(), rep, []*hacarus.Item{nil, item, none}), "heat map of")
}

func TestReport(t *testing.T) {
	t.Parallel()
	folder, args := onPlates(t)
	got := runCommand(t.Context(), nil, args...)
	require.Equal(t, exitOK, got.code, got.stderr)

	require.Contains(t, got.stdout, "11 images: 4 OK, 7 NG, 0 without a verdict")
	require.Contains(t, got.stdout, filepath.Join(folder, "index.html"))
	require.NotContains(t, got.stderr, "\r", "no bar without a terminal")

	raw, err := os.ReadFile(filepath.Join(folder, "results.csv"))
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 12)
	require.Equal(t, []string{"file", "item_id", "verdict", "anomaly_score", "defects", "boxes"}, rows[0])
	require.Equal(t, []string{"NG-01-scratch.jpg", "NG-01-scratch", "NG"}, rows[1][:3])

	html, err := os.ReadFile(filepath.Join(folder, "index.html"))
	require.NoError(t, err)
	require.Equal(t, 11, bytes.Count(html, []byte("<article")))
	require.Equal(t, 11, strings.Count(string(html), `src="./`))

	// The picture has the plate's size, and a red box on it.
	file, err := os.Open(filepath.Join(folder, "NG-03-dent.jpg"))
	require.NoError(t, err)
	defer file.Close()
	picture, err := jpeg.Decode(file)
	require.NoError(t, err)
	require.Equal(t, image.Pt(256, 192), picture.Bounds().Size())
	require.Positive(t, reddish(picture))
}

// reddish counts pixels that are clearly red.
func reddish(img image.Image) (n int) {
	b := img.Bounds()
	for y := b.Min.Y + 8; y < b.Max.Y-8; y++ { // the frame is not counted
		for x := b.Min.X + 8; x < b.Max.X-8; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			if r > 0x8000 && g < r/2 && bl < r/2 {
				n++
			}
		}
	}
	return n
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	_, args := onPlates(t, "-fail-on-ng")
	require.Equal(t, exitNG, runCommand(t.Context(), nil, args...).code)

	good := []string{"-train", trainPlates, "-inspect", plates + "/inspect/OK-*.jpg", "-out", t.TempDir(), "-fail-on-ng"}
	require.Equal(t, exitOK, runCommand(t.Context(), nil, good...).code)

	require.Equal(t, exitOK, runCommand(t.Context(), nil, "-h").code)
}

// The same job on a service of one's own, named by the environment.
func TestServiceOfTheEnvironment(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	_, args := onPlates(t, "-param", "threshold=0.2", "-algorithm", "PM")
	got := runCommand(t.Context(), environment(s), args...)
	require.Equal(t, exitOK, got.code, got.stderr)
	require.Equal(t, 2, s.Executions("addItem"))
	require.Equal(t, 1, s.Executions("train"))
	require.Equal(t, 1, s.Executions("predictItems"))
	require.Contains(t, string(s.Calls("train")[0].Body), `"0.2"`)
}

// An image without a verdict is told of, and the report is written all the same.
func TestImagesWithoutAVerdict(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer(hacarustest.WithPredictionTime(time.Hour))
	t.Cleanup(s.Close)
	ctx, interrupt := context.WithCancel(t.Context())
	folder, args := onPlates(t, "-fail-on-ng")
	ended := make(chan command)
	go func() { ended <- runCommand(ctx, environment(s), args...) }()
	waiting := func() bool { return len(s.Calls("getItemById")) >= 11 }
	assert.Eventually(t, waiting, time.Minute, time.Millisecond)
	interrupt()
	got := <-ended
	require.Equal(t, exitError, got.code)
	require.Contains(t, got.stdout, "11 without a verdict")
	require.Contains(t, got.stderr, "canceled")
	require.FileExists(t, filepath.Join(folder, "index.html"))
}

const allAlgorithms = `"Pattern Matching" (PM), "Reconstructor Inspection" (RI), "Local Pattern Inspection" (LPI), "Pattern Sample Inspection (Beta)" (PSI)`

func TestBadInput(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	text := write("text.jpg", []byte("no image"))
	spaced := write("a plate.png", square(t, 64))
	small := write("small.png", square(t, 16))
	whole := square(t, 64)
	damaged := write("damaged.png", whole[:len(whole)/2])
	write("T-001.png", square(t, 64))

	unlicensed := hacarustest.NewServer(hacarustest.WithoutLicense())
	t.Cleanup(unlicensed.Close)
	wrong := environment(unlicensed)
	wrong["HACARUS_CLIENT_SECRET"] = "wrong-secret-of-a-user"
	away := environment(unlicensed)
	away["HACARUS_BASE_URL"] = unusedURL(t)

	tests := map[string]struct {
		env     map[string]string
		args    []string
		message string // a part of what stderr has to say
	}{
		"unknown flag":          {nil, []string{"-colour"}, "-colour"},
		"an argument":           {nil, []string{"plates/a.jpg"}, "plates/a.jpg"},
		"bad timeout":           {nil, []string{"-timeout", "-1s"}, "-timeout"},
		"no out":                {nil, []string{"-out", ""}, "-out"},
		"bad parameter":         {nil, []string{"-param", "threshold"}, "name=value"},
		"parameter twice":       {nil, []string{"-param", "a=1", "-param", "a=2"}, "twice"},
		"the default elsewhere": {nil, nil, "root of the repository"},
		"no file":               {nil, []string{"-train", "nowhere/*.jpg"}, "nowhere/*.jpg"},
		"a bad pattern":         {nil, []string{"-train", "[", "-inspect", inspectedAll}, "["},
		"a folder":              {nil, []string{"-train", folder}, "folder"},
		"no image":              {nil, []string{"-train", text}, "not a PNG, JPEG or TIFF"},
		"a damaged image":       {nil, []string{"-train", damaged}, "damaged"},
		"one item from two":     {nil, []string{"-train", trainPlates, "-inspect", folder + "/T-*.png"}, `"T-001"`},
		"another size":          {nil, []string{"-train", trainPlates, "-inspect", small, "-algorithm", "PM"}, "one size"},
		"unknown algorithm":     {nil, []string{"-train", trainPlates, "-inspect", inspectedAll, "-algorithm", "Magic"}, allAlgorithms},
		"no algorithm":          {nil, []string{"-train", trainPlates, "-inspect", inspectedAll, "-algorithm", ""}, allAlgorithms},
		"unknown parameter":     {nil, []string{"-train", trainPlates, "-inspect", inspectedAll, "-param", "speed=1"}, "threshold"},
		"parameter of range":    {nil, []string{"-train", trainPlates, "-inspect", inspectedAll, "-param", "threshold=-1"}, "out of range"},
		"a refused name":        {nil, []string{"-train", spaced, "-inspect", folder + "/T-*.png"}, "a plate.png"},
		"half an environment": {
			map[string]string{"HACARUS_BASE_URL": "https://example.com"},
			[]string{"-train", trainPlates, "-inspect", inspectedAll}, "HACARUS_CLIENT_ID, HACARUS_CLIENT_SECRET",
		},
		"a bad URL": {
			map[string]string{"HACARUS_BASE_URL": "ftp://x", "HACARUS_CLIENT_ID": "x", "HACARUS_CLIENT_SECRET": "y"},
			[]string{"-train", trainPlates, "-inspect", inspectedAll}, "URL",
		},
		"wrong credentials": {wrong, []string{"-train", trainPlates, "-inspect", inspectedAll}, "HACARUS_CLIENT_SECRET"},
		"no license":        {environment(unlicensed), []string{"-train", trainPlates, "-inspect", inspectedAll}, "license"},
		"no time":           {nil, []string{"-train", trainPlates, "-inspect", inspectedAll, "-timeout", "1ns"}, "-timeout"},
		"service away":      {away, []string{"-train", trainPlates, "-inspect", inspectedAll, "-timeout", "20s"}, "cannot be reached"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-out", t.TempDir()}, test.args...)
			got := runCommand(t.Context(), test.env, args...)
			require.Equal(t, exitError, got.code)
			require.Empty(t, got.stdout)
			require.Contains(t, got.stderr, test.message)
			last := strings.TrimSpace(got.stderr)
			last = last[strings.LastIndex(last, "\n")+1:]
			require.True(t, strings.HasPrefix(last, "inspect: "), "one line tells all: %q", last)
			require.NotContains(t, got.stderr, "wrong-secret-of-a-user")
		})
	}
}

// A report in the folder of the images must not write over them.
func TestImagesAreNotOverwritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "plate.jpg")
	original, err := os.ReadFile(filepath.Join(plates, "inspect", "OK-01.jpg"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, original, 0o600))
	got := runCommand(t.Context(), nil, "-train", trainPlates, "-inspect", path, "-out", folder)
	require.Equal(t, exitError, got.code)
	require.Contains(t, got.stderr, "overwrite")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, original, after)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, args := onPlates(t)
	got := runCommand(ctx, nil, args...)
	require.Equal(t, exitError, got.code)
	require.Contains(t, got.stderr, "canceled")
}

// Boxes are those of the file, whatever size the service made of it.
func TestBoxesOnTheFile(t *testing.T) {
	t.Parallel()
	p := photo{path: "a.png", size: image.Pt(200, 100)}
	tests := map[string]struct {
		images []hacarus.ImageMeta
		want   box
	}{
		"same size":    {[]hacarus.ImageMeta{{Width: 200, Height: 100}}, box{10, 20, 30, 40}},
		"half":         {[]hacarus.ImageMeta{{Width: 100, Height: 50}}, box{20, 40, 60, 80}},
		"unknown size": {[]hacarus.ImageMeta{{}}, box{10, 20, 30, 40}},
		"no image":     {nil, box{10, 20, 30, 40}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := &hacarus.Item{Images: test.images, Assessments: []hacarus.Assessment{{
				ModelID: "m", Label: hacarus.LabelNG, AnomalyScore: "0.5",
				Annotations: []hacarus.Annotation{
					{XMin: new(10.0), YMin: new(20.0), XMax: new(30.0), YMax: new(40.0)},
					{Notes: "no box"},
				},
			}}}
			require.Equal(t, []box{test.want}, newResult(p, item, "m").Defects)
		})
	}
}

// A number must not hide another defect: its tag goes where nothing is yet.
func TestTagsDoNotCoverBoxes(t *testing.T) {
	t.Parallel()
	defects := []image.Rectangle{image.Rect(100, 60, 110, 70), image.Rect(102, 84, 130, 120)}
	plain, err := annotate(image.NewGray(image.Rect(0, 0, 256, 256)), nil, hacarus.VerdictNG, defects[:1])
	require.NoError(t, err)
	all, err := annotate(image.NewGray(image.Rect(0, 0, 256, 256)), nil, hacarus.VerdictNG, defects)
	require.NoError(t, err)
	for y := 55; y < 76; y++ { // the first box, and its tag above it
		for x := 96; x < 114; x++ {
			require.Equal(t, plain.RGBAAt(x, y), all.RGBAAt(x, y), "(%d,%d)", x, y)
		}
	}
}

// An image that the service does not take is told of, and does not hide the others.
func TestRefusedImage(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.Inject("addItem", hacarustest.Repeat(30, hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if bytes.Contains(body, []byte(`filename="NG-01-scratch.jpg"`)) {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		service.ServeHTTP(w, r)
	}))...)
	_, args := onPlates(t)
	got := runCommand(t.Context(), environment(s), args...)
	require.Equal(t, exitError, got.code, got.stderr)
	require.Contains(t, got.stdout, " 1 without a verdict")
	require.Contains(t, got.stderr, "NG-01-scratch.jpg: ")
}

// Names that the service refuses are no hindrance.
func TestAnyName(t *testing.T) {
	t.Parallel()
	original, err := os.ReadFile(filepath.Join(plates, "inspect", "OK-01.jpg"))
	require.NoError(t, err)
	folder := t.TempDir()
	for _, name := range []string{"検査 1.jpg", "a.b.c.jpg"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), original, 0o600))
	}
	got := runCommand(t.Context(), nil, "-train", trainPlates, "-inspect", folder+"/*.jpg", "-out", t.TempDir())
	require.Equal(t, exitOK, got.code, got.stderr)
	require.Contains(t, got.stdout, "検査 1.jpg")
	require.Contains(t, got.stdout, "2 images: 2 OK")
}

// square is a PNG of a checkered square.
func square(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := 0; y < side; y += 8 {
		for x := y % 16; x < side; x += 16 {
			draw.Draw(img, image.Rect(x, y, x+8, y+8), image.NewUniform(color.White), image.Point{}, draw.Src)
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// unusedURL is an address at which nobody listens.
func unusedURL(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return "http://" + l.Addr().String()
}
