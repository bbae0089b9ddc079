package org.sparkqwen.engine.kernels.code;

/// The vector instructions of an [Assembler]: what their encodings differ in. All of these work on 512 bits of 32-bit
/// numbers, apart from the narrower numbers that VCVTPH2PS, VPMOVSXBD and VPMOVZXWD read.
enum EvexOpcode {
    VMOVUPS_LOAD(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x10, Zmm.BYTES),
    VMOVUPS_STORE(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x11, Zmm.BYTES),
    VBROADCASTSS(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0x18, Float.BYTES),
    VFMADD213PS(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0xa8, Zmm.BYTES),
    VFMADD231PS(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0xb8, Zmm.BYTES),
    VSCALEFPS(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0x2c, Zmm.BYTES),
    VADDPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x58, Zmm.BYTES),
    VMULPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x59, Zmm.BYTES),
    VSUBPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x5c, Zmm.BYTES),
    VMINPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x5d, Zmm.BYTES),
    VDIVPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x5e, Zmm.BYTES),
    VMAXPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x5f, Zmm.BYTES),
    VCVTPH2PS(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0x13, Zmm.BYTES / 2),
    VUNPCKLPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x14, Zmm.BYTES),
    VUNPCKHPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x15, Zmm.BYTES),
    VCMPPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0xc2, Zmm.BYTES),
    VSHUFPS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0xc6, Zmm.BYTES),
    VSHUFF32X4(EvexOpcode.MAP_0F3A, EvexOpcode.P66, 0x23, Zmm.BYTES),
    SHIFT(EvexOpcode.MAP_0F, EvexOpcode.P66, 0x72, Zmm.BYTES),
    VPANDD(EvexOpcode.MAP_0F, EvexOpcode.P66, 0xdb, Zmm.BYTES),
    VPXORD(EvexOpcode.MAP_0F, EvexOpcode.P66, 0xef, Zmm.BYTES),
    VPSUBD(EvexOpcode.MAP_0F, EvexOpcode.P66, 0xfa, Zmm.BYTES),
    VPADDD(EvexOpcode.MAP_0F, EvexOpcode.P66, 0xfe, Zmm.BYTES),
    VCVTDQ2PS(EvexOpcode.MAP_0F, EvexOpcode.NONE, 0x5b, Zmm.BYTES),
    VPDPBUSD(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0x50, Zmm.BYTES),
    VPORD(EvexOpcode.MAP_0F, EvexOpcode.P66, 0xeb, Zmm.BYTES),
    VPTERNLOGD(EvexOpcode.MAP_0F3A, EvexOpcode.P66, 0x25, Zmm.BYTES),
    VPMOVSXBD(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0x21, Zmm.BYTES / 4),
    VPMOVZXWD(EvexOpcode.MAP_0F38, EvexOpcode.P66, 0x33, Zmm.BYTES / 2),
    VDPBF16PS(EvexOpcode.MAP_0F38, EvexOpcode.PF3, 0x52, Zmm.BYTES),
    VCVTNEPS2BF16(EvexOpcode.MAP_0F38, EvexOpcode.PF3, 0x72, Zmm.BYTES),
    VCVTNE2PS2BF16(EvexOpcode.MAP_0F38, EvexOpcode.PF2, 0x72, Zmm.BYTES);

    private static final int MAP_0F = 1;
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

    /// The size of a memory operand in bytes, in which a displacement of one byte counts.
    final int unit;

    EvexOpcode(int map, int prefix, int code, int unit) {
        this.map = map;
        this.prefix = prefix;
        this.code = code;
        this.unit = unit;
    }
}
