package hacarustest_test

import (
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Seeding replaces what has the same id, and finds free ids by itself.
func TestSeededIDs(t *testing.T) {
	t.Parallel()
	t.Run("targets", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		for _, target := range []hacarus.InspectionTarget{{TargetID: 3, Name: "c"}, {TargetID: 2, Name: "b"}, {TargetID: 2, Name: "B"}, {Name: "next"}} {
			added := s.AddTarget(target)
			require.Equal(t, target.Name, added.Name)
			got, err := s.Client().GetInspectionTarget(t.Context(), added.TargetID)
			require.NoError(t, err)
			require.Equal(t, &added, got)
		}
		targets, err := s.Client().ListInspectionTargets(t.Context())
		require.NoError(t, err)
		names := map[int]string{}
		for _, target := range targets {
			names[target.TargetID] = target.Name
		}
		require.Len(t, targets, 4, "the server begins with one")
		require.Equal(t, map[int]string{1: "Plates", 2: "B", 3: "c", 4: "next"}, names)
	})
	t.Run("algorithms", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		taken := s.AddAlgorithm(hacarus.Algorithm{AlgorithmID: "algorithm-6"})
		require.NotEqual(t, taken.AlgorithmID, s.AddAlgorithm(hacarus.Algorithm{}).AlgorithmID)
	})
	t.Run("models", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.AddModel(hacarus.Model{ModelID: "m", Name: "old"})
		s.AddModel(hacarus.Model{ModelID: "m", Name: "new"})
		models, err := s.Client().ListModels(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, models, 1)
		require.Equal(t, "new", models[0].Name)
	})
	t.Run("items", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		first, second := s.AddItem(hacarus.Item{}), s.AddItem(hacarus.Item{})
		require.NoError(t, s.Client().DeleteItems(t.Context(), first.ItemID))
		third := s.AddItem(hacarus.Item{})
		require.NotEqual(t, second.ItemID, third.ItemID)
		_, err := s.Client().GetItem(t.Context(), second.ItemID, nil)
		require.NoError(t, err)
	})
}

// What a seeded item leaves out is served as the service would: lists are
// empty, not null, and annotations have an id and a time.
func TestSeededItems(t *testing.T) {
	t.Parallel()
	s := start(t)
	given := hacarus.Item{
		ItemID:         "a",
		UserAssessment: &hacarus.UserAssessment{Label: hacarus.LabelNG, Annotations: []hacarus.Annotation{{Notes: "chip"}}},
		Assessments:    []hacarus.Assessment{{ModelID: "m", Label: hacarus.LabelNG, Annotations: []hacarus.Annotation{{XMin: new(1.5)}}}, {ModelID: "m"}},
	}
	added := s.AddItem(given)
	c := s.Client()
	got, err := c.GetItem(t.Context(), "a", nil)
	require.NoError(t, err)
	require.Equal(t, &added, got)
	require.Equal(t, hacarus.ItemStatusDone, got.Status)

	require.NotNil(t, got.UserAssessment.Images)
	require.NotNil(t, got.Assessments[0].Images)
	require.NotNil(t, got.Assessments[1].Annotations)
	for _, a := range []hacarus.Annotation{got.UserAssessment.Annotations[0], got.Assessments[0].Annotations[0]} {
		require.NotZero(t, a.AnnotationID)
		require.False(t, a.CreatedAt.IsZero())
	}
	require.Equal(t, "chip", got.UserAssessment.Annotations[0].Notes)

	require.NoError(t, c.AnnotateItem(t.Context(), "a", hacarus.RequestAnnotation{Notes: "scratch"}))
	require.Len(t, given.UserAssessment.Annotations, 1, "the server keeps a copy")
	require.Zero(t, given.UserAssessment.Annotations[0].AnnotationID)
	require.Len(t, added.UserAssessment.Annotations, 1, "what it returned is another")
	require.Nil(t, given.Assessments[1].Annotations)
}

// A person's remark without a label says nothing of good or bad.
func TestSeededTrainingItemWithoutALabel(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.AddItem(hacarus.Item{ItemID: "t", IsTrainingData: true, UserAssessment: &hacarus.UserAssessment{Result: "seen"}}, plate(180))
	c := s.Client()
	m, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{})
	require.NoError(t, err)
	require.Equal(t, 1, m.OKImgCount)
	modelWith(t.Context(), t, c, m.ModelID, hacarus.ModelStatusActive)
}

// The results have a seeded assessment's own figures.
func TestResultsOfSeededItems(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.AddModel(hacarus.Model{ModelID: "m"})
	s.AddItem(hacarus.Item{ItemID: "a", Assessments: []hacarus.Assessment{
		{ModelID: "m", Label: hacarus.LabelNG, AnomalyScore: "0.5", DetectedObjects: new(7)},
		{ModelID: "m", Label: hacarus.LabelOK, Annotations: []hacarus.Annotation{{}}},
	}})
	d, err := s.Client().GetModelResults(t.Context(), "m")
	require.NoError(t, err)
	defer d.Close()
	rows, err := csv.NewReader(d).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"item_id", "name", "model_id", "label", "result", "anomaly_score", "detected_objects"},
		{"a", "a", "m", "NG", "", "0.5", "7"},
		{"a", "a", "m", "OK", "", "", ""},
	}, rows)
}
