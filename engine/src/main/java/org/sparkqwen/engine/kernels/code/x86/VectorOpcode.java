package org.sparkqwen.engine.kernels.code.x86;

/// The vector instructions of an [Assembler]: what their encodings differ in, for 512 bits and for 256 bits. All of
/// these work on vectors of 32-bit numbers, apart from the narrower numbers that VCVTPH2PS, VPMOVSXBD and VPMOVZXWD
/// read. An instruction of AVX2 whose name in Intel's manual lacks the number's size, such as VPAND, has the name of
/// that of AVX-512.
enum VectorOpcode {
    VMOVUPS_LOAD(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x10, Zmm.BYTES),
    VMOVUPS_STORE(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x11, Zmm.BYTES),
    VBROADCASTSS(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0x18, Float.BYTES),
    VFMADD213PS(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0xa8, Zmm.BYTES),
    VFMADD231PS(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0xb8, Zmm.BYTES),
    VSCALEFPS(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0x2c, Zmm.BYTES),
    VADDPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x58, Zmm.BYTES),
    VMULPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x59, Zmm.BYTES),
    VSUBPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x5c, Zmm.BYTES),
    VMINPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x5d, Zmm.BYTES),
    VDIVPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x5e, Zmm.BYTES),
    VMAXPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x5f, Zmm.BYTES),
    VCVTPH2PS(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0x13, Zmm.BYTES / 2),
    VUNPCKLPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x14, Zmm.BYTES),
    VUNPCKHPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x15, Zmm.BYTES),
    VCMPPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0xc2, Zmm.BYTES),
    VSHUFPS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0xc6, Zmm.BYTES),
    VPERM2F128(VectorOpcode.MAP_0F3A, VectorOpcode.P66, 0x06, Zmm.BYTES),
    VSHUFF32X4(VectorOpcode.MAP_0F3A, VectorOpcode.P66, 0x23, Zmm.BYTES),
    SHIFT(VectorOpcode.MAP_0F, VectorOpcode.P66, 0x72, Zmm.BYTES),
    VPANDD(VectorOpcode.MAP_0F, VectorOpcode.P66, 0xdb, Zmm.BYTES),
    VPXORD(VectorOpcode.MAP_0F, VectorOpcode.P66, 0xef, Zmm.BYTES),
    VPSUBD(VectorOpcode.MAP_0F, VectorOpcode.P66, 0xfa, Zmm.BYTES),
    VPADDD(VectorOpcode.MAP_0F, VectorOpcode.P66, 0xfe, Zmm.BYTES),
    VCVTDQ2PS(VectorOpcode.MAP_0F, VectorOpcode.NONE, 0x5b, Zmm.BYTES),
    VPDPBUSD(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0x50, Zmm.BYTES),
    VPORD(VectorOpcode.MAP_0F, VectorOpcode.P66, 0xeb, Zmm.BYTES),
    VPTERNLOGD(VectorOpcode.MAP_0F3A, VectorOpcode.P66, 0x25, Zmm.BYTES),
    VPMOVSXBD(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0x21, Zmm.BYTES / 4),
    VPMOVZXWD(VectorOpcode.MAP_0F38, VectorOpcode.P66, 0x33, Zmm.BYTES / 2),
    VDPBF16PS(VectorOpcode.MAP_0F38, VectorOpcode.PF3, 0x52, Zmm.BYTES),
    VCVTNEPS2BF16(VectorOpcode.MAP_0F38, VectorOpcode.PF3, 0x72, Zmm.BYTES),
    VCVTNE2PS2BF16(VectorOpcode.MAP_0F38, VectorOpcode.PF2, 0x72, Zmm.BYTES);

    static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    private static final int MAP_0F3A = 3;
    private static final int NONE = 0;
    private static final int P66 = 1;
    private static final int PF3 = 2;
    private static final int PF2 = 3;

    /// The number of the opcode's map.
    final int map;

    /// The number of the opcode's mandatory prefix.
    final int prefix;

    final int code;

    /// The size of a memory operand of 512 bits in bytes, in which a displacement of one byte counts.
    final int unit;

    VectorOpcode(int map, int prefix, int code, int unit) {
        this.map = map;
        this.prefix = prefix;
        this.code = code;
        this.unit = unit;
    }
}
