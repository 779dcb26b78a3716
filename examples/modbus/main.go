// Command modbus tells a PLC the verdicts of a station over Modbus TCP: it is the
// server, and the PLC polls its holding registers.
//
//	hacarus line tail --data DIR --name plc -o jsonl | go run ./examples/modbus -station cam-7 -addr 127.0.0.1:5020
//
//	0  heartbeat: counts up every half second while verdicts are followed
//	1  sequence: counts up with each verdict, from 1 on; 0 is none yet
//	2  verdict: 0 none, 1 OK, 2 NG, 3 look at it: no verdict, or too old for one
//	3  acknowledged: the PLC writes the sequence here, and gets the next verdict
//
// OK is what the line says, for as long as -stale. Without a heartbeat, nothing is.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/simonvetter/modbus"
)

const none, verdictOK, verdictNG, lookAtIt uint16 = 0, 1, 2, 3

// registers are what the PLC sees.
type registers struct {
	begun        time.Time
	stale        time.Duration
	acknowledged chan uint16

	mu           sync.Mutex
	seq, verdict uint16
	taken        time.Time // the image
}

func main() {
	addr := flag.String("addr", "127.0.0.1:5020", "`address` to listen on")
	station := flag.String("station", "", "`name` of the station")
	stale := flag.Duration("stale", 5*time.Second, "`time` for which an OK holds")
	flag.Parse()
	if err := run(os.Stdin, *addr, *station, *stale); err != nil {
		log.Fatal(err)
	}
}

// run serves for as long as lines come: after that, there is no heartbeat, and no OK.
func run(lines io.Reader, addr, station string, stale time.Duration) error {
	r := &registers{begun: time.Now(), stale: stale, acknowledged: make(chan uint16, 1)}
	server, err := modbus.NewServer(&modbus.ServerConfiguration{URL: "tcp://" + addr, Timeout: time.Minute, MaxClients: 4}, r)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	return errors.Join(r.follow(lines, station), server.Stop())
}

// follow shows one verdict after the other.
func (r *registers) follow(lines io.Reader, station string) error {
	for decoder := json.NewDecoder(lines); ; {
		var line struct {
			Station, Verdict, By string
			Written              time.Time
		}
		if err := decoder.Decode(&line); err != nil {
			return err
		}
		if line.Station != station || line.By != "model" {
			continue // what people say later is not for the PLC
		}
		verdict := cmp.Or(map[string]uint16{"OK": verdictOK, "NG": verdictNG}[line.Verdict], lookAtIt)
		r.mu.Lock()
		r.seq = max(r.seq+1, 1) // 0 is none
		r.verdict, r.taken = verdict, line.Written
		seq := r.seq
		r.mu.Unlock()
		for <-r.acknowledged != seq {
		}
	}
}

// HandleHoldingRegisters reads the registers, or takes an acknowledgment.
func (r *registers) HandleHoldingRegisters(request *modbus.HoldingRegistersRequest) ([]uint16, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch end := int(request.Addr) + int(request.Quantity); {
	case request.IsWrite && (request.Addr != 3 || end != 4), end > 4:
		return nil, modbus.ErrIllegalDataAddress
	case request.IsWrite:
		select {
		case r.acknowledged <- request.Args[0]:
		default: // one is waiting already
		}
		return nil, nil //nolint:nilnil // there is nothing to read
	}
	verdict := r.verdict
	if verdict == verdictOK && time.Since(r.taken) > r.stale {
		verdict = lookAtIt
	}
	all := []uint16{uint16(time.Since(r.begun) / (500 * time.Millisecond)), r.seq, verdict, 0} //nolint:gosec // it goes round
	return all[request.Addr : request.Addr+request.Quantity], nil
}

// There are no others than holding registers.
func (*registers) HandleCoils(*modbus.CoilsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}
func (*registers) HandleDiscreteInputs(*modbus.DiscreteInputsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}
func (*registers) HandleInputRegisters(*modbus.InputRegistersRequest) ([]uint16, error) {
	return nil, modbus.ErrIllegalFunction
}
