package intake

import "time"

// Limits are those beyond which no image is accepted. 0 is none.
type Limits struct {
	Bytes int64         // of the images that wait
	Age   time.Duration // of the one that waits longest
	Free  int64         // bytes that stay free on the disk: the queue needs some to go on
	Image int64         // bytes of one image
}

// Room says whether there is room for another image: nil, or ErrFull.
func (s *Spool) Room(size int64) error {
	if s.limits.Image > 0 && size > s.limits.Image {
		return ErrTooLarge
	}
	if s.limits.Age > 0 && s.tooOld() {
		return ErrFull
	}
	return s.fits(max(size, 0))
}

// fits says whether so many bytes more are within the limits.
func (s *Spool) fits(size int64) error {
	s.mu.Lock()
	waiting := s.bytes
	s.mu.Unlock()
	if s.limits.Bytes > 0 && waiting+size > s.limits.Bytes {
		return ErrFull
	}
	if free, err := freeBytes(s.dir); err == nil && s.limits.Free > 0 && free-size < s.limits.Free {
		return ErrFull
	}
	return nil
}

// claim takes room for bytes that are about to be written, so that images that come
// at the same time do not exceed the limits together.
func (s *Spool) claim(size int64) error {
	if err := s.fits(size); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += size
	return nil
}

func (s *Spool) release(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= size
}

// tooOld says whether an image has waited for too long. It looks once a second.
func (s *Spool) tooOld() bool {
	s.mu.Lock()
	old, looked := s.old, s.looked
	s.mu.Unlock()
	if now := s.now(); now.Sub(looked) > time.Second || now.Before(looked) {
		_, oldest := s.Waiting()
		old = !oldest.IsZero() && now.Sub(oldest) > s.limits.Age
		s.mu.Lock()
		s.old, s.looked = old, now
		s.mu.Unlock()
	}
	return old
}

// Waiting returns the number of bytes that wait, and since when the image does that
// waits longest: the zero time for none.
func (s *Spool) Waiting() (size int64, oldest time.Time) {
	s.mu.Lock()
	size = s.bytes
	all := make([]*station, 0, len(s.stations))
	for _, t := range s.stations {
		all = append(all, t)
	}
	s.mu.Unlock()
	for _, t := range all {
		if at := t.oldest(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return size, oldest
}
