package evaluation_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// A model inspects labeled plates that it was not trained with, and is judged by
// its verdicts.
func Example() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	defer client.Close()
	ctx := context.Background()
	modelID := trainOnPlates(ctx, client)

	set, err := evaluation.ReadCSV("testdata/plates.csv")
	if err != nil {
		log.Fatal(err)
	}
	var results []evaluation.Result
	for outcome, err := range client.Inspect(ctx, hacarus.InspectRequest{ModelID: modelID, Files: set.Files()}) {
		if err != nil {
			log.Fatal(err)
		}
		results = append(results, evaluation.ResultOf(outcome, 0))
	}
	report, err := evaluation.Evaluate(set, results)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Plates:")
	fmt.Println(report)

	requirement, err := evaluation.ParseRequirement("escape<=0.02@95%")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(requirement.Judge(report))
	// Output:
	// Plates:
	//       OK  NG  no verdict
	// good  4   0   0
	// bad   0   7   0
	//
	// escape                      0 of 7 = 0.0 % (95 %: 0.0 % to 41.0 %)
	// overkill                    0 of 4 = 0.0 % (95 %: 0.0 % to 60.2 %)
	// AUROC                       1.000 (95 %: 0.649 to 1.000)
	// recall of dent              2 of 2 = 100.0 % (95 %: 15.8 % to 100.0 %)
	// recall of scratch           2 of 2 = 100.0 % (95 %: 15.8 % to 100.0 %)
	// recall of scratch-and-dent  1 of 1 = 100.0 % (95 %: 2.5 % to 100.0 %)
	// recall of stain             2 of 2 = 100.0 % (95 %: 15.8 % to 100.0 %)
	//
	// Up to 34.8 % of the bad products may still escape (one-sided, 95 %).
	//
	// not met: escape<=0.02@95%: 0.0 % of 7 images, 34.8 % at most; it takes 149 images, all right
}

// trainOnPlates returns the id of a model of ten good plates.
func trainOnPlates(ctx context.Context, client *hacarus.Client) string {
	files, err := hacarus.FilesFromDir("../testdata/plates/train")
	if err != nil {
		log.Fatal(err)
	}
	items, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: files, Training: true, Good: new(true)})
	if err != nil {
		log.Fatal(err)
	}
	algorithm, err := client.FindAlgorithm(ctx, hacarus.AlgorithmPatternMatching)
	if err != nil {
		log.Fatal(err)
	}
	model, err := client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{Name: "plates", ItemIDs: items})
	if err != nil {
		log.Fatal(err)
	}
	return model.ModelID
}

// bolts is a small set, and boltResults are what a model said of it.
var bolts = evaluation.Set{
	{File: "good/1.png"},
	{File: "good/2.png"},
	{File: "bad/thread/1.png", Bad: true, Kind: "thread"},
	{File: "bad/thread/2.png", Bad: true, Kind: "thread"},
	{File: "bad/rust/1.png", Bad: true, Kind: "rust"},
}

func boltResults() []evaluation.Result {
	return []evaluation.Result{
		{File: "good/1.png", Verdict: hacarus.VerdictOK, Score: new(0.02)},
		{File: "good/2.png", Verdict: hacarus.VerdictNG, Score: new(0.14)},
		{File: "bad/thread/1.png", Verdict: hacarus.VerdictNG, Score: new(0.61)},
		{File: "bad/thread/2.png", Verdict: hacarus.VerdictOK, Score: new(0.08)},
		{File: "bad/rust/1.png", Err: hacarus.ErrNoAssessment},
	}
}

func boltReport() *evaluation.Report {
	report, err := evaluation.Evaluate(bolts, boltResults())
	if err != nil {
		log.Fatal(err)
	}
	return report
}

// Stored verdicts do as well as fresh ones. The image without a verdict is not
// counted as found.
func ExampleEvaluate() {
	report, err := evaluation.Evaluate(bolts, boltResults())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("bad: ", report.Bad.NG, "found,", report.Bad.OK, "escaped,", report.Bad.Undecided, "without a verdict")
	fmt.Println("good:", report.Good.OK, "kept,", report.Good.NG, "rejected")
	fmt.Println("escape rate:", report.Escape)
	// Output:
	// bad:  1 found, 1 escaped, 1 without a verdict
	// good: 1 kept, 1 rejected
	// escape rate: 2 of 3 = 66.7 % (95 %: 9.4 % to 99.2 %)
}

func ExampleReport() {
	report := boltReport()
	for _, kind := range report.Kinds {
		fmt.Println(kind.Name, kind.Counts, kind.Recall().Value())
	}
	fmt.Println(report.Open())
	// Output:
	// rust {0 0 1} 0
	// thread {1 1 0} 0.5
	// Up to 98.3 % of the bad products may still escape (one-sided, 95 %).
}

// The images to look at, the worst first.
func ExampleReport_Escapes() {
	report := boltReport()
	for _, escape := range report.Escapes() {
		fmt.Println("escaped: ", escape.File, *escape.Score)
	}
	for _, overkill := range report.Overkills() {
		fmt.Println("overkill:", overkill.File, *overkill.Score)
	}
	for _, undecided := range report.Undecided() {
		fmt.Println("no verdict:", undecided.File, undecided.Err)
	}
	// Output:
	// escaped:  bad/thread/2.png 0.08
	// overkill: good/2.png 0.14
	// no verdict: bad/rust/1.png no assessment came
}

func ExampleReport_MarshalJSON() {
	document, err := json.Marshal(boltReport())
	if err != nil {
		log.Fatal(err)
	}
	var figures struct {
		Escapes   int `json:"escapes"`
		Undecided int `json:"undecided"`
		Escape    struct{ Rate, Low, High float64 }
	}
	if err := json.Unmarshal(document, &figures); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d escaped, %d without a verdict: %.3f (%.3f to %.3f)\n",
		figures.Escapes, figures.Undecided, figures.Escape.Rate, figures.Escape.Low, figures.Escape.High)
	// Output: 1 escaped, 1 without a verdict: 0.667 (0.094 to 0.992)
}

// Images that are inspected several times tell whether the verdict stays. They
// count once, by the worst of their results.
func ExampleRepeatability() {
	set := evaluation.Set{{File: "good.png"}, {File: "bad.png", Bad: true}}
	results := []evaluation.Result{
		{File: "good.png", Repeat: 0, Verdict: hacarus.VerdictOK, Score: new(0.02)},
		{File: "bad.png", Repeat: 0, Verdict: hacarus.VerdictNG, Score: new(0.11)},
		{File: "good.png", Repeat: 1, Verdict: hacarus.VerdictOK, Score: new(0.03)},
		{File: "bad.png", Repeat: 1, Verdict: hacarus.VerdictOK, Score: new(0.09)},
	}
	report, err := evaluation.Evaluate(set, results)
	if err != nil {
		log.Fatal(err)
	}
	repeatability := report.Repeatability
	fmt.Printf("the same in %d repeats: %d of %d, scores within %.2f\n", repeatability.Repeats, repeatability.Same.Count, repeatability.Same.N, repeatability.Spread)
	for _, image := range repeatability.Unsteady {
		fmt.Println(image.File, image.Verdicts)
	}
	fmt.Println("escapes:", len(report.Escapes()))
	// Output:
	// the same in 2 repeats: 1 of 2, scores within 0.02
	// bad.png [NG OK]
	// escapes: 1
}

// Folders by label, with a subfolder for each kind of defect.
func ExampleReadDir() {
	dir := someFolders("good/1.png", "good/2.png", "bad/dent/1.png")
	defer func() { _ = os.RemoveAll(dir) }()

	set, err := evaluation.ReadDir(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, image := range set {
		fmt.Printf("%s bad: %v, kind: %q\n", filepath.Base(image.File), image.Bad, image.Kind)
	}
	// Output:
	// 1.png bad: true, kind: "dent"
	// 1.png bad: false, kind: ""
	// 2.png bad: false, kind: ""
}

func ExampleReadFolders() {
	dir := someFolders("line 7/passed/1.png", "returned/1.png")
	defer func() { _ = os.RemoveAll(dir) }()

	set, err := evaluation.ReadFolders(filepath.Join(dir, "line 7", "passed"), filepath.Join(dir, "returned"))
	fmt.Println(len(set), err)
	// Output: 2 <nil>
}

func ExampleReadCSV() {
	set, err := evaluation.ReadCSV("testdata/plates.csv")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(filepath.ToSlash(set[0].File), set[0].Bad, set[0].Kind)
	// Output: ../testdata/plates/inspect/NG-01-scratch.jpg true scratch
}

// Each file brings its label along, so that equal names do no harm.
func ExampleSet_Files() {
	for _, file := range bolts.Files()[1:3] {
		fmt.Println(file.Name, file.Tag.(evaluation.Image).Bad)
	}
	// Output:
	// 2.png false
	// 1.png true
}

// A file of any origin is known by its name where it has no tag of the set.
func ExampleResultOf() {
	item := &hacarus.Item{Assessments: []hacarus.Assessment{{Label: hacarus.LabelNG, AnomalyScore: "0.93"}}}
	outcome := &hacarus.Inspection{File: "a.png", Item: item, Verdict: hacarus.VerdictNG}
	result := evaluation.ResultOf(outcome, 0)
	fmt.Println(result.File, result.Verdict, *result.Score)
	// Output: a.png NG 0.93
}

func ExampleErrNoResult() {
	report, err := evaluation.Evaluate(bolts, boltResults()[:4])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(errors.Is(report.Undecided()[0].Err, evaluation.ErrNoResult))
	// Output: true
}

// None of seven may be less than it seems.
func ExampleRate() {
	escape := evaluation.Rate{Count: 0, N: 7}
	low, high := escape.Interval(0.95)
	fmt.Printf("two-sided: %.4f to %.4f\n", low, high)
	fmt.Printf("one-sided: at most %.4f\n", escape.Upper(0.95))
	fmt.Println(escape)
	// Output:
	// two-sided: 0.0000 to 0.4096
	// one-sided: at most 0.3482
	// 0 of 7 = 0.0 % (95 %: 0.0 % to 41.0 %)
}

func ExampleRate_Lower() {
	found := evaluation.Rate{Count: 60, N: 60}
	fmt.Printf("at least %.3f are found\n", found.Lower(0.95))
	// Output: at least 0.951 are found
}

// Even scores that separate perfectly leave much open where they are few.
func ExampleAUROC() {
	area := evaluation.AUROC{Wins: 28, Good: 4, Bad: 7}
	fmt.Println(area)
	fmt.Printf("one-sided: at least %.3f\n", area.Lower(0.95))
	// Output:
	// 1.000 (95 %: 0.649 to 1.000)
	// one-sided: at least 0.728
}

func ExampleParseRequirement() {
	for _, s := range []string{"escape<=2%", "recall:rust>=0.9@90%", "escape<=0"} {
		requirement, err := evaluation.ParseRequirement(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%v needs %d images\n", requirement, requirement.Images())
	}
	// Output:
	// escape<=0.02@95% needs 149 images
	// recall:rust>=0.9@90% needs 22 images
	// evaluation: requirement "escape<=0": the limit 0 is not between 0 and 1 (or 0% and 100%)
}

func ExampleRequirement_Judge() {
	requirement, err := evaluation.ParseRequirement("escape<=0.02@95%")
	if err != nil {
		log.Fatal(err)
	}
	judgement := requirement.Judge(boltReport())
	fmt.Println(judgement.Met)
	fmt.Println(judgement)
	// Output:
	// false
	// not met: escape<=0.02@95%: 66.7 % of 3 images, 98.3 % at most; it takes 149 images, all right
}

// A requirement can be a flag.
func ExampleRequirement_UnmarshalText() {
	var required evaluation.Requirement
	flags := flag.NewFlagSet("evaluate", flag.ContinueOnError)
	flags.TextVar(&required, "require", evaluation.Requirement{Measure: "escape", Limit: 0.05, Confidence: 0.95}, "what the model has to keep")
	if err := flags.Parse([]string{"-require", "overkill<=5%@90%"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(required)
	// Output: overkill<=0.05@90%
}

// Two models on the same images: what has changed, and whether that may be chance.
func ExampleCompare() {
	results := boltResults()
	results[3].Verdict, results[3].Score = hacarus.VerdictNG, new(0.2)
	newer, err := evaluation.Evaluate(bolts, results)
	if err != nil {
		log.Fatal(err)
	}
	comparison, err := evaluation.Compare(boltReport(), newer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("bad: ", comparison.Bad)
	fmt.Println("good:", comparison.Good)
	for _, flip := range comparison.Flips {
		fmt.Println(flip.File, "was", flip.First, "and is", flip.Second)
	}
	// Output:
	// bad:  of 3 only the first is right on 0, only the second on 1 (p = 1)
	// good: of 2 only the first is right on 0, only the second on 0 (p = 1)
	// bad/thread/2.png was OK and is NG
}

func ExamplePaired_P() {
	fmt.Printf("%.4f\n", evaluation.Paired{Both: 30, OnlyFirst: 1, OnlySecond: 9}.P())
	// Output: 0.0215
}

// Before a curve is believed: do the scores and the model's threshold lead to the
// verdicts that the service gave?
func ExampleCheckThreshold() {
	check := evaluation.CheckThreshold(boltResults(), new(0.1))
	fmt.Println(check.Reproduces, *check.HighestOK, *check.LowestNG)

	results := boltResults()
	results[1].Verdict = hacarus.VerdictOK // its area is too small, say
	check = evaluation.CheckThreshold(results, new(0.1))
	fmt.Println(check.Reproduces, check.Exceptions[0].File)
	// Output:
	// true 0.08 0.14
	// false good/2.png
}

func ExampleReport_Curve() {
	for _, point := range boltReport().Curve() {
		fmt.Println(point.Threshold, point.Escape.Count, point.Overkill.Count)
	}
	// Output:
	// 0 1 2
	// 0.02 1 1
	// 0.08 2 1
	// 0.14 2 0
	// 0.61 3 0
}

func ExampleCurve_At() {
	point, ok := boltReport().Curve().At(0.3)
	fmt.Println("escape:", point.Escape, ok)
	fmt.Println("overkill:", point.Overkill)
	// Output:
	// escape: 2 of 3 = 66.7 % (95 %: 9.4 % to 99.2 %) true
	// overkill: 0 of 2 = 0.0 % (95 %: 0.0 % to 84.2 %)
}

func ExampleCurve_Text() {
	fmt.Println("Bolts:")
	fmt.Print(boltReport().Curve().Text(evaluation.Plot{Width: 50, Height: 7, InUse: new(0.1)}))
	// Output:
	// Bolts:
	//  100 % O     |                              EEEEEE
	//              |
	//             EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE
	//   50 %  OOOOOOO
	//        EEEEE |
	//              |
	//    0 %       | OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO
	//        +-----+-----+-----+-----+-----+-----+-----+
	//        0    0.1   0.2   0.3   0.4   0.5   0.6  0.7
	//        threshold   E escape   O overkill   | in use 0.1
}

// A curve that was measured, with another report for each threshold, in Japanese.
func ExampleCurve_WriteSVG() {
	measured := evaluation.Curve{
		{Threshold: 0.05, Escape: evaluation.Rate{Count: 1, N: 20}, Overkill: evaluation.Rate{Count: 6, N: 40}},
		{Threshold: 0.1, Escape: evaluation.Rate{Count: 4, N: 20}, Overkill: evaluation.Rate{Count: 1, N: 40}},
	}
	var svg strings.Builder
	err := measured.WriteSVG(&svg, evaluation.Plot{Measured: true, Escape: "見逃し率", Overkill: "過検出率", Threshold: "閾値"})
	fmt.Println(strings.Contains(svg.String(), "見逃し率"), err)
	// Output: true <nil>
}

// someFolders makes files in a new folder.
func someFolders(files ...string) string {
	dir, err := os.MkdirTemp("", "evaluation")
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}
