package main

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/simonvetter/modbus"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// plc is what polls the registers.
type plc struct {
	t *testing.T
	*modbus.ModbusClient
}

func newPLC(t *testing.T, addr string) plc {
	t.Helper()
	client, err := modbus.NewClient(&modbus.ClientConfiguration{URL: "tcp://" + addr, Timeout: time.Second})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return client.Open() == nil }, time.Minute, time.Millisecond)
	t.Cleanup(func() { _ = client.Close() })
	return plc{t, client}
}

func (p plc) read() []uint16 {
	p.t.Helper()
	all, err := p.ReadRegisters(0, 4, modbus.HOLDING_REGISTER)
	require.NoError(p.t, err)
	return all
}

// await waits for a sequence number, and returns the verdict.
func (p plc) await(seq uint16) (verdict uint16) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		all := p.read()
		verdict = all[2]
		return all[1] == seq
	}, time.Minute, time.Millisecond)
	return verdict
}

// The PLC gets one verdict after the other, each once it has acknowledged the one
// before, and OK only where the line says so and it is not old.
func TestHandshake(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddress()
	lines, line := io.Pipe()
	ended := make(chan error)
	go func() { ended <- run(lines, addr, "cam-7", time.Hour) }()
	say := func(station, verdict, by string, at time.Time) {
		fmt.Fprintf(line, `{"seq":1,"station":%q,"verdict":%q,"by":%q,"written":%q}`+"\n", station, verdict, by, at.Format(time.RFC3339Nano))
	}
	p := newPLC(t, addr)
	require.Equal(t, []uint16{0, none}, p.read()[1:3])
	go func() {
		now := time.Now()
		say("cam-8", "OK", "model", now)
		say("cam-7", "OK", "model", now)
		say("cam-7", "OK", "Sato", now)
		say("cam-7", "NG", "model", now)
		say("cam-7", "unknown", "model", now)
		say("cam-7", "OK", "model", now.Add(-2*time.Hour))
	}()
	for n, want := range []uint16{verdictOK, verdictNG, lookAtIt, lookAtIt} {
		seq := uint16(n + 1)
		require.Equal(t, want, p.await(seq))
		require.NoError(t, p.WriteRegister(3, seq-1), "of the one before")
		require.Equal(t, seq, p.read()[1], "it stays until it is acknowledged")
		require.NoError(t, p.WriteRegister(3, seq))
	}
	beat := p.read()[0]
	require.Eventually(t, func() bool { return p.read()[0] != beat }, time.Minute, 10*time.Millisecond)
	require.Error(t, p.WriteRegister(2, verdictOK))
	_, err := p.ReadCoil(0)
	require.ErrorIs(t, err, modbus.ErrIllegalFunction)
	require.NoError(t, line.Close())
	require.ErrorIs(t, <-ended, io.EOF)
	_, err = p.ReadRegisters(0, 4, modbus.HOLDING_REGISTER)
	require.Error(t, err, "nobody says OK when the line has ended")
}
