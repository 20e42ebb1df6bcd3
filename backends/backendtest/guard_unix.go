//go:build unix

package backendtest

import (
	"syscall"
	"unsafe"
)

// guarded returns n elements between two pages that fault when touched: offset elements behind the lower one, or, for
// offset 8, right before the upper one.
func guarded[E float32 | float64](n, offset int) (s []E, free func()) {
	var e E
	page := syscall.Getpagesize()
	size := (n*int(unsafe.Sizeof(e))+64+page-1)/page*page + 2*page
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for _, guard := range [][]byte{memory[:page], memory[size-page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			panic(err)
		}
	}
	inner := memory[page : size-page]
	all := unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(inner))), len(inner)/int(unsafe.Sizeof(e)))
	if offset == 8 {
		s = all[len(all)-n:]
	} else {
		s = all[offset : offset+n]
	}
	return s, func() { _ = syscall.Munmap(memory) }
}
