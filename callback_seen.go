package hacarus

import "time"

// callbackSeenKeys and callbackSeenTime bound what is remembered of the callbacks
// that came before, in assessments and in time.
const (
	callbackSeenKeys = 1 << 16
	callbackSeenTime = 10 * time.Minute
)

// callbackSeen remembers for some time what has come, in two generations: when
// the young one is full or its time is over, it becomes the old one, and the
// old one is forgotten.
type callbackSeen struct {
	young, old map[callbackKey]struct{}
	since      time.Time // of the young one
}

func (m *callbackSeen) age(now time.Time) {
	age := now.Sub(m.since)
	if age < callbackSeenTime && len(m.young) < callbackSeenKeys {
		return
	}
	m.old = m.young
	if age >= 2*callbackSeenTime {
		m.old = nil
	}
	m.young, m.since = map[callbackKey]struct{}{}, now
}

func (m *callbackSeen) knows(k callbackKey) bool {
	_, young := m.young[k]
	_, old := m.old[k]
	return young || old
}

// add remembers keys, and returns those that were new.
func (m *callbackSeen) add(keys []callbackKey) (added []callbackKey) {
	for _, k := range keys {
		if !m.knows(k) {
			m.young[k] = struct{}{}
			added = append(added, k)
		}
	}
	return added
}

func (m *callbackSeen) remove(keys []callbackKey) {
	for _, k := range keys {
		delete(m.young, k)
		delete(m.old, k)
	}
}
