package evaluation_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

var emptyRows = regexp.MustCompile(`(?m)^ *\n`)

func TestCurveText(t *testing.T) {
	t.Parallel()
	require.Equal(t, ` 100 % OOOOO     |          EE
                 |
                 |
                 |
  50 %      OOOOOOOOOOOOOOOO
                 |
            EEEEEEEEEEEEEEEE
                 |
   0 % EEEEE     |          OO
       0------------------0.42
       threshold   E escape   O overkill   | in use 0.2
`, someCurve.Text(evaluation.Plot{Width: 30, Height: 9, InUse: new(0.2)}))
	require.Equal(t, ` 100 % O                    E
~
~
~
  50 %      O
~
            E
~
   0 % E                    O
       0------------------0.42
       しきい値   E 見逃し   O 過検出
`, emptyRows.ReplaceAllString(someCurve.Text(evaluation.Plot{Width: 30, Height: 9, Measured: true, Threshold: "しきい値", Escape: "見逃し", Overkill: "過検出"}), "~\n"))
}
