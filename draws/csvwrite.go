package draws

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
)

// encodeCSV writes the configuration in a comment, the names, and the numbers, each as the shortest text
// that reads back to its bits.
func encodeCSV(w io.Writer, t Table) error {
	var head bytes.Buffer
	if t.Meta != nil {
		head.WriteString(metaComment)
		if err := json.Compact(&head, t.Meta); err != nil {
			return err
		}
		head.WriteByte('\n')
	}
	for j, name := range t.Names {
		if j > 0 {
			head.WriteByte(',')
		}
		head.WriteString(quote(name))
	}
	if t.LogProb != nil {
		head.WriteString("," + logProbName)
	}
	head.WriteByte('\n')
	buffer := head.Bytes()
	data, stride := t.Points.Data(), t.Points.Stride()
	for i := range t.Points.Len() {
		for j := range t.Points.Dim() {
			if j > 0 {
				buffer = append(buffer, ',')
			}
			buffer = appendNumber(buffer, data[j*stride+i])
			if len(buffer) >= 1<<16 {
				if _, err := w.Write(buffer); err != nil {
					return err
				}
				buffer = buffer[:0]
			}
		}
		if t.LogProb != nil {
			buffer = appendNumber(append(buffer, ','), t.LogProb[i])
		}
		buffer = append(buffer, '\n')
	}
	_, err := w.Write(buffer)
	return err
}

// appendNumber appends the shortest text of a number. An infinity is Inf, without a plus.
func appendNumber(buffer []byte, v float64) []byte {
	if math.IsInf(v, 1) {
		return append(buffer, "Inf"...)
	}
	return strconv.AppendFloat(buffer, v, 'g', -1, 64)
}

// quote puts a name in quotes where it needs them: where it holds what could separate columns.
func quote(name string) string {
	if strings.ContainsAny(name, "\",; \t#") {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}
