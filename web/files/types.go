package files

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// plain is the type of what is only saved.
const plain = "application/octet-stream"

// shown are the types a browser may show: pictures without scripts, sound, film.
// SVG is none of them, nor is text: what is read as text today may be read as a
// page tomorrow.
var shown = map[string]func([]byte) bool{
	"image/png":  sniffed("image/png"),
	"image/jpeg": sniffed("image/jpeg"),
	"image/gif":  sniffed("image/gif"),
	"image/webp": sniffed("image/webp"),
	"image/avif": brand("avif", "avis"),
	"audio/mpeg": func(b []byte) bool {
		return sniffed("audio/mpeg")(b) || len(b) > 1 && b[0] == 0xff && b[1]&0xe6 == 0xe2 // a frame of layer III or II without a tag before it
	},
	"audio/ogg":  sniffed("application/ogg"),
	"audio/wav":  sniffed("audio/wave"),
	"audio/mp4":  brand("M4A ", "M4B ", "isom", "mp42", "iso2", "dash"),
	"audio/webm": sniffed("video/webm"),
	"video/mp4":  brand("isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ", "dash"),
	"video/webm": sniffed("video/webm"),
	"video/ogg":  sniffed("application/ogg"),
}

// other are names for the same types.
var other = map[string]string{
	"image/jpg": "image/jpeg", "audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/vnd.wave": "audio/wav",
	"audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "audio/opus": "audio/ogg", "application/ogg": "audio/ogg",
}

func sniffed(kind string) func([]byte) bool {
	return func(b []byte) bool { return http.DetectContentType(b) == kind }
}

// brand tells files of the ISO base media format by their major brand.
func brand(names ...string) func([]byte) bool {
	return func(b []byte) bool {
		if len(b) < 12 || !bytes.Equal(b[4:8], []byte("ftyp")) {
			return false
		}
		for _, n := range names {
			if string(b[8:12]) == n {
				return true
			}
		}
		return false
	}
}

// typeOf decides what a file is given out as: the promised type if it is one of
// those shown and the first bytes agree, else bytes to be saved. It leaves the
// reader at the beginning.
func typeOf(r io.ReadSeeker, promised string) (kind string, show bool, err error) {
	if o, ok := other[promised]; ok {
		promised = o
	}
	agrees, ok := shown[promised]
	if !ok {
		return plain, false, nil
	}
	var first [512]byte
	n, err := io.ReadFull(r, first[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", false, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", false, err
	}
	if !agrees(first[:n]) {
		return plain, false, nil
	}
	return promised, true, nil
}
