//go:build (linux || darwin) && (amd64 || arm64)

package bridgestan

import (
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is the part of bridgestan.h that a Model needs. Of each function the comment gives the declaration in C.
type library struct {
	version string

	construct          func(data string, seed uint32, message **byte) uintptr                                             // bs_model *bs_model_construct(const char *data, unsigned seed, char **error_msg)
	destruct           func(m uintptr)                                                                                    // void bs_model_destruct(bs_model *)
	freeMessage        func(message *byte)                                                                                // void bs_free_error_msg(char *)
	name               func(m uintptr) string                                                                             // const char *bs_name(const bs_model *)
	info               func(m uintptr) string                                                                             // const char *bs_model_info(const bs_model *)
	names              func(m uintptr, transformed, generated bool) string                                                // const char *bs_param_names(const bs_model *, bool include_tp, bool include_gq)
	unconstrainedNames func(m uintptr) string                                                                             // const char *bs_param_unc_names(const bs_model *)
	constrained        func(m uintptr, transformed, generated bool) int32                                                 // int bs_param_num(const bs_model *, bool, bool)
	unconstrained      func(m uintptr) int32                                                                              // int bs_param_unc_num(const bs_model *)
	density, gradient  uintptr                                                                                            // bs_log_density, bs_log_density_gradient: see below
	constrainPoint     func(m uintptr, transformed, generated bool, from, to *float64, rng uintptr, message **byte) int32 // int bs_param_constrain(const bs_model *, bool, bool, const double *, double *, bs_rng *, char **)
}

// load opens a shared library and finds the functions in it.
func load(path string) (*library, error) {
	absolute, err := filepath.Abs(path) // a bare name would be searched for in the system's folders
	if err != nil {
		return nil, fmt.Errorf("bridgestan: library %q: %w", path, err)
	}
	handle, err := purego.Dlopen(absolute, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("bridgestan: library %s cannot be loaded: %w", path, err)
	}
	l := &library{}
	if l.version, err = version(handle); err != nil {
		return nil, fmt.Errorf("bridgestan: library %s %w", path, err)
	}
	var missing []string
	find := func(name string) uintptr {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			missing = append(missing, name)
		}
		return address
	}
	bind := func(f any, name string) {
		if address := find(name); address != 0 {
			purego.RegisterFunc(f, address)
		}
	}
	bind(&l.construct, "bs_model_construct")
	bind(&l.destruct, "bs_model_destruct")
	bind(&l.freeMessage, "bs_free_error_msg")
	bind(&l.name, "bs_name")
	bind(&l.info, "bs_model_info")
	bind(&l.names, "bs_param_names")
	bind(&l.unconstrainedNames, "bs_param_unc_names")
	bind(&l.constrained, "bs_param_num")
	bind(&l.unconstrained, "bs_param_unc_num")
	bind(&l.constrainPoint, "bs_param_constrain")
	l.density = find("bs_log_density")
	l.gradient = find("bs_log_density_gradient")
	if missing != nil {
		return nil, fmt.Errorf("bridgestan: library %s lacks %s of BridgeStan %s", path, strings.Join(missing, ", "), l.version)
	}
	return l, nil
}

// version reads the constants bs_major_version, bs_minor_version and bs_patch_version, which version 1 did not have.
func version(handle uintptr) (string, error) {
	var parts [3]int32
	for i, name := range []string{"bs_major_version", "bs_minor_version", "bs_patch_version"} {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return "", fmt.Errorf("has no %s: it was not made by BridgeStan 2; compile the Stan program with BridgeStan 2.0 or newer", name)
		}
		parts[i] = **(**int32)(unsafe.Pointer(&address))
	}
	text := fmt.Sprintf("%d.%d.%d", parts[0], parts[1], parts[2])
	if parts[0] != 2 {
		return "", fmt.Errorf("was made by BridgeStan %s, and this program knows version 2; compile the Stan program with it", text)
	}
	return text, nil
}

// The two functions of every step are called by address, which is ten times cheaper than by reflection. Both drop
// constants (propto) and count the change of variables (jacobian).

// logDensity calls int bs_log_density(const bs_model *, bool propto, bool jacobian, const double *theta_unc,
// double *lp, char **error_msg) and says whether it succeeded.
func (l *library) logDensity(m uintptr, p *point) bool {
	code, _, _ := purego.SyscallN(l.density, m, 1, 1, uintptr(unsafe.Pointer(unsafe.SliceData(p.x))),
		uintptr(unsafe.Pointer(&p.value)), uintptr(unsafe.Pointer(&p.message)))
	return int32(code) == 0
}

// logDensityGradient calls int bs_log_density_gradient(const bs_model *, bool propto, bool jacobian,
// const double *theta_unc, double *val, double *grad, char **error_msg).
func (l *library) logDensityGradient(m uintptr, p *point) bool {
	code, _, _ := purego.SyscallN(l.gradient, m, 1, 1, uintptr(unsafe.Pointer(unsafe.SliceData(p.x))),
		uintptr(unsafe.Pointer(&p.value)), uintptr(unsafe.Pointer(unsafe.SliceData(p.grad))), uintptr(unsafe.Pointer(&p.message)))
	return int32(code) == 0
}

// constrain transforms one point; generated quantities, which would need a generator, are left out.
func (l *library) constrain(m uintptr, transformed bool, from, to []float64, message **byte) int32 {
	return l.constrainPoint(m, transformed, false, unsafe.SliceData(from), unsafe.SliceData(to), 0, message)
}

// text copies an error message of BridgeStan to one line and frees it.
func (l *library) text(message *byte) string {
	if message == nil {
		return "BridgeStan gives no reason"
	}
	const most = 4096
	var text []byte
	for p := message; *p != 0 && len(text) < most; p = (*byte)(unsafe.Add(unsafe.Pointer(p), 1)) {
		text = append(text, *p)
	}
	l.freeMessage(message)
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "?")), " ")
}
