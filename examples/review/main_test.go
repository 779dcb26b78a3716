package main

import (
	"image/png"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/examples/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// Without an account, the plate of the stand-in is shown with its dent marked.
func TestStandIn(t *testing.T) {
	t.Parallel()
	p := program.Run(t, nil, "y\n")
	require.Zero(t, p.Code(), p.Complaints())
	path := regexp.MustCompile(`\S+\.png`).FindString(p.Printed())
	file, err := os.Open(path)
	require.NoError(t, err, p.Printed())
	defer file.Close()
	picture, err := png.Decode(file)
	require.NoError(t, err)
	red := 0
	for x := range 176 { // to the left of the dent
		if r, g, b, _ := picture.At(x, 119).RGBA(); r > 3*g && r > 3*b {
			red++
		}
	}
	require.GreaterOrEqual(t, red, 4, "the frame and the box")
}

// service has items with verdicts of the model plates.
func service(t *testing.T) (*hacarustest.Server, *hacarus.Client) {
	t.Helper()
	plate, err := os.ReadFile("../../testdata/plates/inspect/NG-03-dent.jpg")
	require.NoError(t, err)
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	box := hacarus.Annotation{XMin: new(176.0), YMin: new(108.0), XMax: new(198.0), YMax: new(130.0)}
	for id, label := range map[string]hacarus.Label{"a": hacarus.LabelNG, "b": hacarus.LabelNG, "c": hacarus.LabelOK, "d": hacarus.LabelNG} {
		s.AddItem(hacarus.Item{ItemID: id, Assessments: []hacarus.Assessment{{ModelID: "plates", Label: label, Annotations: []hacarus.Annotation{box}}}}, plate)
	}
	return s, s.Client()
}

// What a person says is written where it belongs, and is not asked for again.
func TestJudgements(t *testing.T) {
	t.Parallel()
	s, client := service(t)
	answers := map[string]string{}
	p := program.Run(t, s, "y\nn\n\n", "-model", "plates", "-name", "H. Tanaka")
	require.Zero(t, p.Code(), p.Complaints())
	asked := regexp.MustCompile(`(\w), in `).FindAllStringSubmatch(p.Printed(), -1)
	require.Len(t, asked, 3)
	for i, answer := range []string{"y", "n", ""} {
		answers[answer] = asked[i][1]
	}

	confirmed, err := client.GetItem(t.Context(), answers["y"], nil)
	require.NoError(t, err)
	require.Len(t, confirmed.UserAssessment.Annotations, 2)
	require.Equal(t, "NG, says H. Tanaka", confirmed.UserAssessment.Annotations[0].Notes)
	box, ok := confirmed.UserAssessment.Annotations[1].Rect()
	require.True(t, ok)
	require.Equal(t, "(176,108)-(198,130)", box.String())

	refuted, err := client.GetItem(t.Context(), answers["n"], nil)
	require.NoError(t, err)
	require.Len(t, refuted.UserAssessment.Annotations, 1)
	require.Equal(t, "OK, says H. Tanaka", refuted.UserAssessment.Annotations[0].Notes)

	p = program.Run(t, s, "", "-model", "plates") // whose input ends at once
	require.Zero(t, p.Code(), p.Complaints())
	require.Equal(t, 1, strings.Count(p.Printed(), ", in "))
	require.Contains(t, p.Printed(), answers[""]+", in ")
	require.Equal(t, 2, s.Executions("annotate"))
}

// A judgement whose outcome is unknown is not written twice, and ends the review.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	s, _ := service(t)
	s.Inject("annotate", hacarustest.CloseConnection())
	p := program.Run(t, s, "y\ny\ny\n", "-model", "plates")
	require.Equal(t, 1, p.Code())
	require.Contains(t, p.Complaints(), "may have executed")
	require.Len(t, s.Calls("annotate"), 1)
}
