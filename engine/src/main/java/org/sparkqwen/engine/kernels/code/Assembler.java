package org.sparkqwen.engine.kernels.code;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Encodes instructions of x86-64, one method an instruction, named as in Intel's manual and with its order of
/// operands: the destination first.
///
/// There are four encodings. General-purpose instructions have an optional REX prefix, an opcode and operand bytes.
/// Vector instructions on 512 bits have an EVEX prefix of four bytes. It carries the opcode's map and mandatory prefix,
/// the upper bits of three register numbers, the vector's length, a mask, and a bit for a memory operand that is
/// broadcast. An EVEX displacement of one byte counts in units of the operand's size. [EvexOpcode] has what differs
/// between vector instructions, so another one is one line there and one method here. Instructions on tile registers
/// have a VEX prefix of three bytes, of which they use little.
///
/// Every encoding is compared with the one that the GNU assembler chooses, byte by byte.
final class Assembler {
    private static final int REX = 0x40;
    private static final int REX_W = 8;
    private static final int TWO_BYTE_OPCODE = 0x0f;
    private static final int VEX_NONE = 0;
    private static final int VEX_P66 = 1;
    private static final int VEX_PF3 = 2;
    private static final int VEX_PF2 = 3;

    /// The bit of an EVEX prefix that says to set numbers outside a mask to 0.
    private static final int ZEROING = 0x80;

    /// The comparison that holds if the first number is not less than the second one, or one of them is NaN.
    static final int NOT_LESS = 5;

    private byte[] code = new byte[1024];
    private int size;

    /// The code so far.
    byte[] code() {
        return Arrays.copyOf(code, size);
    }

    int size() {
        return size;
    }

    // Vector instructions

    void vmovups(Zmm to, Address from) {
        evex(EvexOpcode.VMOVUPS_LOAD, to, null, from);
    }

    void vmovups(Address to, Zmm from) {
        evex(EvexOpcode.VMOVUPS_STORE, from, null, to);
    }

    void vmovups(Zmm to, Zmm from) {
        evex(EvexOpcode.VMOVUPS_LOAD, to, null, from);
    }

    void vbroadcastss(Zmm to, Address from) {
        evex(EvexOpcode.VBROADCASTSS, to, null, from);
    }

    /// Adds a product: `sum += a · b`, rounded once.
    void vfmadd231ps(Zmm sum, Zmm a, Zmm b) {
        evex(EvexOpcode.VFMADD231PS, sum, a, b);
    }

    void vfmadd231ps(Zmm sum, Zmm a, Address b) {
        evex(EvexOpcode.VFMADD231PS, sum, a, b);
    }

    /// Multiplies and adds: `product = a · product + addend`, rounded once.
    void vfmadd213ps(Zmm product, Zmm a, Zmm addend) {
        evex(EvexOpcode.VFMADD213PS, product, a, addend);
    }

    void vfmadd213ps(Zmm product, Zmm a, Address addend) {
        evex(EvexOpcode.VFMADD213PS, product, a, addend);
    }

    void vaddps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VADDPS, to, a, b);
    }

    void vaddps(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VADDPS, to, a, b);
    }

    void vsubps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VSUBPS, to, a, b);
    }

    void vsubps(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VSUBPS, to, a, b);
    }

    void vmulps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VMULPS, to, a, b);
    }

    void vmulps(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VMULPS, to, a, b);
    }

    void vdivps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VDIVPS, to, a, b);
    }

    /// Multiplies by powers of two, `a · 2^b` for integers b, where the mask has a bit. The other numbers become 0.
    void vscalefps(Zmm to, Mask mask, Zmm a, Zmm b) {
        evexPrefix(
                EvexOpcode.VSCALEFPS, to.number(), b.number() >> 4, b.number() >> 3, a, false, ZEROING | mask.number());
        bytes(EvexOpcode.VSCALEFPS.code, registers(to.number(), b.number()));
    }

    /// Compares numbers.
    ///
    /// @param predicate the manual's number of a comparison, such as [#NOT_LESS]
    void vcmpps(Mask to, Zmm a, Zmm b, int predicate) {
        evexPrefix(EvexOpcode.VCMPPS, to.number(), b.number() >> 4, b.number() >> 3, a, false, 0);
        bytes(EvexOpcode.VCMPPS.code, registers(to.number(), b.number()), predicate);
    }

    /// Interleaves the lower halves of each 128 bits of two vectors.
    void vunpcklps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VUNPCKLPS, to, a, b);
    }

    /// Interleaves the upper halves of each 128 bits of two vectors.
    void vunpckhps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VUNPCKHPS, to, a, b);
    }

    /// Takes two numbers of each 128 bits of `a`, and then two of `b`.
    ///
    /// @param order four places of two bits
    void vshufps(Zmm to, Zmm a, Zmm b, int order) {
        evex(EvexOpcode.VSHUFPS, to, a, b);
        bytes(order);
    }

    /// Takes two groups of 128 bits of `a`, and then two of `b`.
    ///
    /// @param order four places of two bits
    void vshuff32x4(Zmm to, Zmm a, Zmm b, int order) {
        evex(EvexOpcode.VSHUFF32X4, to, a, b);
        bytes(order);
    }

    /// Takes the greater number: `a > b ? a : b`, so `b` if one of them is NaN.
    void vmaxps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VMAXPS, to, a, b);
    }

    void vmaxps(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VMAXPS, to, a, b);
    }

    /// Takes the smaller number: `a < b ? a : b`, so `b` if one of them is NaN.
    void vminps(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VMINPS, to, a, b);
    }

    void vpaddd(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VPADDD, to, a, b);
    }

    void vpaddd(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VPADDD, to, a, b);
    }

    void vpsubd(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VPSUBD, to, a, b);
    }

    void vpsubd(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VPSUBD, to, a, b);
    }

    void vpandd(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VPANDD, to, a, b);
    }

    void vpandd(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VPANDD, to, a, b);
    }

    void vpxord(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VPXORD, to, a, b);
    }

    void vpxord(Zmm to, Zmm a, Address b) {
        evex(EvexOpcode.VPXORD, to, a, b);
    }

    /// Shifts 32-bit words to the left.
    void vpslld(Zmm to, Zmm from, int bits) {
        evexShift(EvexOpcode.SHIFT, 6, to, from, bits);
    }

    /// Shifts 32-bit words to the right, and repeats their signs.
    void vpsrad(Zmm to, Zmm from, int bits) {
        evexShift(EvexOpcode.SHIFT, 4, to, from, bits);
    }

    /// Rotates 32-bit words to the left.
    void vprold(Zmm to, Zmm from, int bits) {
        evexShift(EvexOpcode.SHIFT, 1, to, from, bits);
    }

    /// Widens 16 numbers of float16.
    void vcvtph2ps(Zmm to, Address from) {
        evex(EvexOpcode.VCVTPH2PS, to, null, from);
    }

    /// Shifts 32-bit words to the right, and fills them up with zeros.
    void vpsrld(Zmm to, Zmm from, int bits) {
        evexShift(EvexOpcode.SHIFT, 2, to, from, bits);
    }

    void vpord(Zmm to, Zmm a, Zmm b) {
        evex(EvexOpcode.VPORD, to, a, b);
    }

    /// Computes any function of three bits.
    ///
    /// @param table the function's results: bit `4 · bit of to + 2 · bit of a + bit of b`
    void vpternlogd(Zmm to, Zmm a, Zmm b, int table) {
        evex(EvexOpcode.VPTERNLOGD, to, a, b);
        bytes(table);
    }

    /// Widens 16 bytes to 32 bits, with their signs.
    void vpmovsxbd(Zmm to, Address from) {
        evex(EvexOpcode.VPMOVSXBD, to, null, from);
    }

    /// Widens the 16-bit words of the lower half of a register to 32 bits, with zeros.
    void vpmovzxwd(Zmm to, Zmm from) {
        evex(EvexOpcode.VPMOVZXWD, to, null, from);
    }

    /// Adds the products of pairs of bfloat16 numbers to the sums of the pairs' lanes.
    void vdpbf16ps(Zmm sum, Zmm a, Zmm b) {
        evex(EvexOpcode.VDPBF16PS, sum, a, b);
    }

    /// Rounds to bfloat16, into the lower half of a register.
    void vcvtneps2bf16(Zmm to, Zmm from) {
        evex(EvexOpcode.VCVTNEPS2BF16, to, null, from);
    }

    /// Rounds to bfloat16: `low` into the lower half of a register, and `high` into the upper half.
    void vcvtne2ps2bf16(Zmm to, Zmm high, Zmm low) {
        evex(EvexOpcode.VCVTNE2PS2BF16, to, high, low);
    }

    /// Converts 32-bit integers to float32.
    void vcvtdq2ps(Zmm to, Zmm from) {
        evex(EvexOpcode.VCVTDQ2PS, to, null, from);
    }

    void vcvtdq2ps(Zmm to, Address from) {
        evex(EvexOpcode.VCVTDQ2PS, to, null, from);
    }

    /// Adds to each 32-bit sum the products of four bytes without a sign and four with one.
    void vpdpbusd(Zmm sum, Zmm unsigned, Zmm signed) {
        evex(EvexOpcode.VPDPBUSD, sum, unsigned, signed);
    }

    // Instructions on tile registers

    /// Sets the numbers of rows and of bytes in a row of all tile registers.
    void ldtilecfg(Address from) {
        vex(VEX_NONE, 0x49, 0, 0, from);
    }

    /// Gives up the tile registers, which a change of threads then need not save.
    void tilerelease() {
        vex(VEX_NONE, 0x49, 0, 0, 0);
    }

    void tilezero(Tmm to) {
        vex(VEX_PF2, 0x49, to.number(), 0, 0);
    }

    /// Loads the rows of a tile. The address's index is the distance from a row to the next.
    void tileloadd(Tmm to, Address from) {
        vex(VEX_PF2, 0x4b, to.number(), 0, from);
    }

    /// Stores the rows of a tile. The address's index is the distance from a row to the next.
    void tilestored(Address to, Tmm from) {
        vex(VEX_PF3, 0x4b, from.number(), 0, to);
    }

    /// Adds to each sum of rows of `a` and columns of `b` the products of their pairs of bfloat16 numbers.
    void tdpbf16ps(Tmm sums, Tmm a, Tmm b) {
        vex(VEX_PF3, 0x5c, sums.number(), b.number(), a.number());
    }

    /// Adds to each sum of rows of `unsigned` and columns of `signed` the products of their bytes, four by four.
    void tdpbusd(Tmm sums, Tmm unsigned, Tmm signed) {
        vex(VEX_P66, 0x5e, sums.number(), signed.number(), unsigned.number());
    }

    /// Clears the upper parts of vector registers, without which older vector code in the caller would be slow.
    void vzeroupper() {
        bytes(0xc5, 0xf8, 0x77);
    }

    // General-purpose instructions

    void mov(Gpr to, Gpr from) {
        general(0x89, from.number(), to);
    }

    void mov(Gpr to, Address from) {
        general(0x8b, to.number(), from);
    }

    void mov(Gpr to, int number) {
        general(0xc7, 0, to);
        int32(number);
    }

    void lea(Gpr to, Address address) {
        general(0x8d, to.number(), address);
    }

    void add(Gpr to, Gpr addend) {
        general(0x01, addend.number(), to);
    }

    void add(Gpr to, Address addend) {
        general(0x03, to.number(), addend);
    }

    void add(Gpr to, int addend) {
        generalWithNumber(0, to, addend);
    }

    void sub(Gpr to, Gpr subtrahend) {
        general(0x29, subtrahend.number(), to);
    }

    void sub(Gpr to, int subtrahend) {
        generalWithNumber(5, to, subtrahend);
    }

    void cmp(Gpr a, Gpr b) {
        general(0x39, b.number(), a);
    }

    void cmp(Gpr a, int number) {
        generalWithNumber(7, a, number);
    }

    void push(Gpr from) {
        optionalRex(from);
        bytes(0x50 + from.low());
    }

    void pop(Gpr to) {
        optionalRex(to);
        bytes(0x58 + to.low());
    }

    void ret() {
        bytes(0xc3);
    }

    /// Requests a cache line into all caches.
    void prefetcht0(Address line) {
        prefetch(0x18, 1, line);
    }

    /// Requests a cache line into the second-level cache.
    void prefetcht1(Address line) {
        prefetch(0x18, 2, line);
    }

    /// Requests a cache line that will be written.
    void prefetchw(Address line) {
        prefetch(0x0d, 1, line);
    }

    // Jumps

    /// Places a label here.
    void bind(Label label) {
        if (label.isBound()) {
            throw new IllegalStateException("a label has two places");
        }
        label.offset = size;
        for (int reference : label.references) {
            distance(reference, label.offset);
        }
    }

    void jump(Condition condition, Label to) {
        bytes(TWO_BYTE_OPCODE, 0x80 + condition.code);
        reference(to);
    }

    void jump(Label to) {
        bytes(0xe9);
        reference(to);
    }

    private void reference(Label label) {
        int at = size;
        int32(0);
        if (label.isBound()) {
            distance(at, label.offset);
        } else {
            label.references.add(at);
        }
    }

    /// Fills in the distance from the end of an instruction.
    private void distance(int at, int to) {
        int distance = to - (at + Integer.BYTES);
        for (int i = 0; i < Integer.BYTES; i++) {
            code[at + i] = (byte) (distance >> (8 * i));
        }
    }

    // Encodings

    private void evex(EvexOpcode opcode, Zmm register, @Nullable Zmm second, Zmm third) {
        evexPrefix(opcode, register.number(), third.number() >> 4, third.number() >> 3, second, false, 0);
        bytes(opcode.code, registers(register.number(), third.number()));
    }

    private void evex(EvexOpcode opcode, Zmm register, @Nullable Zmm second, Address memory) {
        int index = memory.index() == null ? 0 : memory.index().high();
        evexPrefix(opcode, register.number(), index, memory.base().high(), second, memory.broadcast(), 0);
        bytes(opcode.code);
        int unit = memory.broadcast() ? Float.BYTES : opcode.unit;
        memory(register.number(), memory, unit);
    }

    private void evexShift(EvexOpcode opcode, int extension, Zmm to, Zmm from, int bits) {
        evexPrefix(opcode, extension, from.number() >> 4, from.number() >> 3, to, false, 0);
        bytes(opcode.code, registers(extension, from.number()), bits);
    }

    /// Writes the EVEX prefix. Register bits are stored inverted.
    ///
    /// @param x bit 4 of a register in the last operand, or bit 3 of an index
    /// @param b bit 3 of a register in the last operand, or of a base
    /// @param mask number of a mask, and [#ZEROING]; 0 for none
    private void evexPrefix(
            EvexOpcode opcode, int register, int x, int b, @Nullable Zmm second, boolean broadcast, int mask) {
        int vvvv = second == null ? 0 : second.number();
        int upperBits = bit(register, 3) << 7 | bit(x, 0) << 6 | bit(b, 0) << 5 | bit(register, 4) << 4;
        bytes(
                0x62,
                (upperBits ^ 0xf0) | opcode.map,
                (~vvvv & 15) << 3 | 4 | opcode.prefix,
                2 << 5 | (broadcast ? 1 << 4 : 0) | bit(~vvvv, 4) << 3 | mask);
    }

    /// @param register the register operand, or the extension of the opcode
    /// @param second the operand in the prefix; 0 if there is none
    private void vex(int prefix, int opcode, int register, int second, int third) {
        vexPrefix(prefix, 0, 0, second);
        bytes(opcode, registers(register, third));
    }

    private void vex(int prefix, int opcode, int register, int second, Address memory) {
        int index = memory.index() == null ? 0 : memory.index().high();
        vexPrefix(prefix, index, memory.base().high(), second);
        bytes(opcode);
        memory(register, memory, 1);
    }

    /// Writes a VEX prefix of the map 0F38. Register bits are stored inverted.
    private void vexPrefix(int prefix, int x, int b, int second) {
        bytes(0xc4, ((x << 6 | b << 5) ^ 0xe0) | 2, (~second & 15) << 3 | prefix);
    }

    private void general(int opcode, int register, Gpr other) {
        bytes(REX | REX_W | bit(register, 3) << 2 | other.high(), opcode, registers(register, other.number()));
    }

    private void general(int opcode, int register, Address memory) {
        int index = memory.index() == null ? 0 : memory.index().high();
        bytes(REX | REX_W | bit(register, 3) << 2 | index << 1 | memory.base().high(), opcode);
        memory(register, memory, 1);
    }

    /// Encodes add, sub and cmp with a number, which differ in an extension of the opcode.
    private void generalWithNumber(int extension, Gpr to, int number) {
        if (number == (byte) number) {
            general(0x83, extension, to);
            bytes(number);
        } else if (to == Gpr.RAX) {
            bytes(REX | REX_W, extension << 3 | 5);
            int32(number);
        } else {
            general(0x81, extension, to);
            int32(number);
        }
    }

    private void prefetch(int opcode, int hint, Address line) {
        int index = line.index() == null ? 0 : line.index().high();
        int rex = index << 1 | line.base().high();
        if (rex != 0) {
            bytes(REX | rex);
        }
        bytes(TWO_BYTE_OPCODE, opcode);
        memory(hint, line, 1);
    }

    private void optionalRex(Gpr register) {
        if (register.high() != 0) {
            bytes(REX | register.high());
        }
    }

    /// Writes the operand bytes of a memory operand: ModRM, SIB if it is needed, and the displacement.
    ///
    /// @param unit the unit in which a displacement of one byte counts
    private void memory(int register, Address memory, int unit) {
        Gpr base = memory.base();
        int displacement = memory.displacement();
        boolean small = displacement % unit == 0 && displacement / unit == (byte) (displacement / unit);
        // Without a displacement, the lower bits of RBP and R13 as a base mean another kind of operand.
        int mode = displacement == 0 && base.low() != Gpr.RBP.low() ? 0 : small ? 1 : 2;
        int field = mode << 6 | (register & 7) << 3;
        if (memory.index() != null) {
            int scale = Integer.numberOfTrailingZeros(memory.scale());
            bytes(field | Gpr.RSP.low(), scale << 6 | memory.index().low() << 3 | base.low());
        } else if (base.low() == Gpr.RSP.low()) { // its lower bits alone mean that SIB follows
            bytes(field | Gpr.RSP.low(), Gpr.RSP.low() << 3 | base.low());
        } else {
            bytes(field | base.low());
        }
        switch (mode) {
            case 1 -> bytes(displacement / unit);
            case 2 -> int32(displacement);
            default -> {}
        }
    }

    /// The operand byte of two registers, without the upper bits of their numbers.
    private static int registers(int register, int other) {
        return 0xc0 | (register & 7) << 3 | (other & 7);
    }

    private static int bit(int number, int bit) {
        return (number >> bit) & 1;
    }

    private void int32(int number) {
        bytes(number, number >> 8, number >> 16, number >> 24);
    }

    private void bytes(int... bytes) {
        if (size + bytes.length > code.length) {
            code = Arrays.copyOf(code, 2 * code.length);
        }
        for (int b : bytes) {
            code[size++] = (byte) b;
        }
    }
}
