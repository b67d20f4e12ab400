package proc

import "os"

// pipeSet makes the pipes of one child and remembers which ends are whose. It
// belongs to the goroutine that starts the child.
type pipeSet struct {
	ours, childs []*os.File
	err          error
}

func (s *pipeSet) pipe() (r, w *os.File) {
	if s.err != nil {
		return nil, nil
	}
	r, w, s.err = os.Pipe()
	return r, w
}

func (s *pipeSet) toChild() (childs, ours *os.File) {
	r, w := s.pipe()
	s.childs, s.ours = append(s.childs, r), append(s.ours, w)
	return r, w
}

func (s *pipeSet) fromChild() (ours, childs *os.File) {
	r, w := s.pipe()
	s.childs, s.ours = append(s.childs, w), append(s.ours, r)
	return r, w
}

func (s *pipeSet) closeChildEnds() { closeAll(s.childs) }
func (s *pipeSet) closeOurEnds()   { closeAll(s.ours) }

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
