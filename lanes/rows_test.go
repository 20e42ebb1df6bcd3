package lanes

import "testing"

func TestRowsShareTheirBlocksMemory(t *testing.T) {
	b := New(10, 5)
	part := b.Rows(2, 2)
	if part.Len() != 10 || part.Dim() != 2 || part.Stride() != b.Stride() {
		t.Fatalf("%d points of dimension %d, stride %d", part.Len(), part.Dim(), part.Stride())
	}
	part.SetPoint(9, []float64{3, 4})
	if b.Row(2)[9] != 3 || b.Row(3)[9] != 4 {
		t.Error("what is written to the part is not in the block")
	}
	if len(part.Data()) != 2*b.Stride() || cap(part.Data()) != 2*b.Stride() {
		t.Errorf("the part reaches further: %d values, room for %d", len(part.Data()), cap(part.Data()))
	}
	for _, bad := range [][2]int{{-1, 2}, {0, 6}, {5, 1}, {2, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("coordinates %d and %d more: no panic", bad[0], bad[1])
				}
			}()
			b.Rows(bad[0], bad[1])
		}()
	}
}
