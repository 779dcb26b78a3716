package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a queue's engine inside the program.
type Server struct {
	dir    string
	log    *slog.Logger
	stop   chan struct{}
	ended  chan struct{}
	broken atomic.Bool // the engine has refused to store something

	mu     sync.Mutex
	engine *server.Server // nil while there is none
}

// readyTime is how long the engine may take to read what it has. It checks each
// block of its files after a crash.
const readyTime = 2 * time.Minute

// StartServer starts an engine whose files are in a folder, for this program alone:
// nobody else can connect to it.
func StartServer(dir string, log *slog.Logger) (*Server, error) {
	s := &Server{dir: dir, log: log, stop: make(chan struct{}), ended: make(chan struct{})}
	if err := s.start(); err != nil {
		return nil, err
	}
	go s.supervise()
	return s, nil
}

// engineOptions are the settings of an engine that must not lose what it has
// acknowledged.
func engineOptions(dir string) *server.Options {
	return &server.Options{
		ServerName: "hacarus",
		// There is no port, so nobody has to be kept out and nothing has to be installed.
		DontListen: true,
		NoSigs:     true, // signals are the program's
		NoLog:      true, // see SetLoggerV2
		JetStream:  true,
		StoreDir:   dir,
		// By default, an acknowledged message is written to the disk up to two minutes
		// later, and a power failure takes it (nats-server #7564).
		SyncAlways: true,
		// Limits of memory are for streams in memory, of which there are only the leases;
		// the memory of the engine itself they do not bound (#5739). GOMEMLIMIT does: see
		// docs/line.md.
		JetStreamMaxMemory: 16 << 20,
		// The disk is what bounds the store: intake refuses images while there is still
		// room for what was accepted. The engine by itself would allow three quarters of
		// what is free when it starts.
		JetStreamMaxStore: 1 << 50,
	}
}

func (s *Server) start() error {
	engine, err := server.NewServer(engineOptions(s.dir))
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	engine.SetLoggerV2(engineLog{s.log, &s.broken}, false, false, false)
	engine.Start()
	if !engine.ReadyForConnections(readyTime) || !engine.JetStreamEnabled() {
		engine.Shutdown()
		engine.WaitForShutdown()
		return fmt.Errorf("queue: the store in %s cannot be used", s.dir)
	}
	s.mu.Lock()
	s.engine = engine
	s.mu.Unlock()
	return nil
}

// restartPause is the least time between two starts of the engine.
const restartPause = 2 * time.Second

// supervise starts the engine again when it has given up its store, or a stream of
// it. That is what it does when the disk is full, and it does not look whether there
// is room again.
func (s *Server) supervise() {
	defer close(s.ended)
	for tick := time.NewTicker(restartPause); ; {
		select {
		case <-s.stop:
			tick.Stop()
			return
		case <-tick.C:
		}
		if engine := s.current(); !s.broken.Swap(false) && engine != nil && engine.JetStreamEnabled() {
			continue
		}
		s.shutdown()
		if err := s.start(); err != nil {
			s.log.Error("the queue does not start", "error", err)
		}
	}
}

func (s *Server) current() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

func (s *Server) shutdown() {
	s.mu.Lock()
	engine := s.engine
	s.engine = nil
	s.mu.Unlock()
	if engine != nil {
		engine.Shutdown()
		engine.WaitForShutdown()
	}
}

// InProcessConn connects to the engine of now.
func (s *Server) InProcessConn() (net.Conn, error) {
	engine := s.current()
	if engine == nil {
		return nil, errors.New("queue: it is starting")
	}
	return engine.InProcessConn()
}

// Close stops the engine.
func (s *Server) Close() {
	close(s.stop)
	<-s.ended
	s.shutdown()
}

// engineLog passes on what the engine complains of.
type engineLog struct {
	log    *slog.Logger
	broken *atomic.Bool
}

// storeComplaint is how the engine begins to tell that a message could not be written
// to the disk. From then on, it refuses all others of that stream without a response,
// also when there is room again.
const storeComplaint = "JetStream failed to store a msg"

func (l engineLog) Noticef(string, ...any) {}
func (l engineLog) Debugf(string, ...any)  {}
func (l engineLog) Tracef(string, ...any)  {}

func (l engineLog) Warnf(format string, v ...any) {
	l.log.Debug(fmt.Sprintf("queue: "+format, v...))
}

func (l engineLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.HasPrefix(text, storeComplaint) {
		l.broken.Store(true)
	}
	l.log.Warn("queue: " + text)
}

func (l engineLog) Fatalf(format string, v ...any) {
	l.log.Error(fmt.Sprintf("queue: "+format, v...))
}
