package org.sparkqwen.engine.kernels.code.x86;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Encodes instructions of x86-64, one method an instruction, named as in Intel's manual and with its order of
/// operands: the destination first.
///
/// There are four encodings. General-purpose instructions have an optional REX prefix, an opcode and operand bytes.
/// Vector instructions on 512 bits have an EVEX prefix of four bytes. It carries the opcode's map and mandatory prefix,
/// the upper bits of three register numbers, the vector's length, a mask, and a bit for a memory operand that is
/// broadcast. An EVEX displacement of one byte counts in units of the operand's size. Vector instructions on 256 bits
/// have a VEX prefix of two or three bytes, with the same opcodes. [VectorOpcode] has what differs between vector
/// instructions, so another one is one line there and one method here. A method that takes any [Vector] encodes both,
/// and one that takes [Zmm] or [Ymm] is of an instruction that only AVX-512 or AVX2 has. Instructions on tile registers
/// have a VEX prefix of three bytes, of which they use little.
///
/// Every encoding is compared with the one that the GNU assembler chooses, byte by byte.
public final class Assembler {
    private static final int REX = 0x40;
    private static final int REX_W = 8;
    private static final int TWO_BYTE_OPCODE = 0x0f;
    private static final int VEX_256_BITS = 4;
    private static final int VEX_NONE = 0;
    private static final int VEX_P66 = 1;
    private static final int VEX_PF3 = 2;
    private static final int VEX_PF2 = 3;

    /// The bit of an EVEX prefix that says to set numbers outside a mask to 0.
    private static final int ZEROING = 0x80;

    /// The comparison that holds if the first number is not less than the second one, or one of them is NaN.
    public static final int NOT_LESS = 5;

    private byte[] code = new byte[1024];
    private int size;

    /// The code so far.
    public byte[] code() {
        return Arrays.copyOf(code, size);
    }

    public int size() {
        return size;
    }

    // Vector instructions

    public void vmovups(Vector to, Operand from) {
        if (to instanceof Ymm && from instanceof Ymm(int number) && number > 7 && to.number() <= 7) {
            vector(VectorOpcode.VMOVUPS_STORE, (Ymm) from, null, to); // a byte shorter
        } else {
            vector(VectorOpcode.VMOVUPS_LOAD, to, null, from);
        }
    }

    public void vmovups(Address to, Vector from) {
        vector(VectorOpcode.VMOVUPS_STORE, from, null, to);
    }

    public void vbroadcastss(Vector to, Address from) {
        vector(VectorOpcode.VBROADCASTSS, to, null, from);
    }

    /// Adds a product: `sum += a · b`, rounded once.
    public void vfmadd231ps(Vector sum, Vector a, Operand b) {
        vector(VectorOpcode.VFMADD231PS, sum, a, b);
    }

    /// Multiplies and adds: `product = a · product + addend`, rounded once.
    public void vfmadd213ps(Vector product, Vector a, Operand addend) {
        vector(VectorOpcode.VFMADD213PS, product, a, addend);
    }

    public void vaddps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VADDPS, to, a, b);
    }

    public void vsubps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VSUBPS, to, a, b);
    }

    public void vmulps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VMULPS, to, a, b);
    }

    public void vdivps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VDIVPS, to, a, b);
    }

    /// Multiplies by powers of two, `a · 2^b` for integers b, where the mask has a bit. The other numbers become 0.
    public void vscalefps(Zmm to, Mask mask, Zmm a, Zmm b) {
        evexPrefix(
                VectorOpcode.VSCALEFPS,
                to.number(),
                b.number() >> 4,
                b.number() >> 3,
                a,
                false,
                ZEROING | mask.number());
        bytes(VectorOpcode.VSCALEFPS.code, registers(to.number(), b.number()));
    }

    /// Compares numbers.
    ///
    /// @param predicate the manual's number of a comparison, such as [#NOT_LESS]
    public void vcmpps(Mask to, Zmm a, Zmm b, int predicate) {
        evexPrefix(VectorOpcode.VCMPPS, to.number(), b.number() >> 4, b.number() >> 3, a, false, 0);
        bytes(VectorOpcode.VCMPPS.code, registers(to.number(), b.number()), predicate);
    }

    /// Compares numbers: all bits of a number are set where the comparison holds.
    ///
    /// @param predicate the manual's number of a comparison, such as [#NOT_LESS]
    public void vcmpps(Ymm to, Ymm a, Operand b, int predicate) {
        vector(VectorOpcode.VCMPPS, to, a, b);
        bytes(predicate);
    }

    /// Interleaves the lower halves of each 128 bits of two vectors.
    public void vunpcklps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VUNPCKLPS, to, a, b);
    }

    /// Interleaves the upper halves of each 128 bits of two vectors.
    public void vunpckhps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VUNPCKHPS, to, a, b);
    }

    /// Takes two numbers of each 128 bits of `a`, and then two of `b`.
    ///
    /// @param order four places of two bits
    public void vshufps(Vector to, Vector a, Operand b, int order) {
        vector(VectorOpcode.VSHUFPS, to, a, b);
        bytes(order);
    }

    /// Takes two groups of 128 bits.
    ///
    /// @param order two places of four bits: 0 and 1 for the groups of `a`, 2 and 3 for those of `b`
    public void vperm2f128(Ymm to, Ymm a, Ymm b, int order) {
        vector(VectorOpcode.VPERM2F128, to, a, b);
        bytes(order);
    }

    /// Takes two groups of 128 bits of `a`, and then two of `b`.
    ///
    /// @param order four places of two bits
    public void vshuff32x4(Zmm to, Zmm a, Zmm b, int order) {
        vector(VectorOpcode.VSHUFF32X4, to, a, b);
        bytes(order);
    }

    /// Takes the greater number: `a > b ? a : b`, so `b` if one of them is NaN.
    public void vmaxps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VMAXPS, to, a, b);
    }

    /// Takes the smaller number: `a < b ? a : b`, so `b` if one of them is NaN.
    public void vminps(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VMINPS, to, a, b);
    }

    public void vpaddd(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VPADDD, to, a, b);
    }

    public void vpsubd(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VPSUBD, to, a, b);
    }

    public void vpandd(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VPANDD, to, a, b);
    }

    public void vpxord(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VPXORD, to, a, b);
    }

    /// Shifts 32-bit words to the left.
    public void vpslld(Vector to, Vector from, int bits) {
        shift(VectorOpcode.SHIFT, 6, to, from, bits);
    }

    /// Shifts 32-bit words to the right, and repeats their signs.
    public void vpsrad(Vector to, Vector from, int bits) {
        shift(VectorOpcode.SHIFT, 4, to, from, bits);
    }

    /// Rotates 32-bit words to the left.
    public void vprold(Zmm to, Zmm from, int bits) {
        shift(VectorOpcode.SHIFT, 1, to, from, bits);
    }

    /// Widens numbers of float16.
    public void vcvtph2ps(Vector to, Address from) {
        vector(VectorOpcode.VCVTPH2PS, to, null, from);
    }

    /// Shifts 32-bit words to the right, and fills them up with zeros.
    public void vpsrld(Vector to, Vector from, int bits) {
        shift(VectorOpcode.SHIFT, 2, to, from, bits);
    }

    public void vpord(Vector to, Vector a, Operand b) {
        vector(VectorOpcode.VPORD, to, a, b);
    }

    /// Computes any function of three bits.
    ///
    /// @param table the function's results: bit `4 · bit of to + 2 · bit of a + bit of b`
    public void vpternlogd(Zmm to, Zmm a, Zmm b, int table) {
        vector(VectorOpcode.VPTERNLOGD, to, a, b);
        bytes(table);
    }

    /// Widens bytes to 32 bits, with their signs.
    public void vpmovsxbd(Vector to, Address from) {
        vector(VectorOpcode.VPMOVSXBD, to, null, from);
    }

    /// Widens the 16-bit words of the lower half of a register to 32 bits, with zeros.
    public void vpmovzxwd(Zmm to, Zmm from) {
        vector(VectorOpcode.VPMOVZXWD, to, null, from);
    }

    /// Adds the products of pairs of bfloat16 numbers to the sums of the pairs' lanes.
    public void vdpbf16ps(Zmm sum, Zmm a, Zmm b) {
        vector(VectorOpcode.VDPBF16PS, sum, a, b);
    }

    /// Rounds to bfloat16, into the lower half of a register.
    public void vcvtneps2bf16(Zmm to, Zmm from) {
        vector(VectorOpcode.VCVTNEPS2BF16, to, null, from);
    }

    /// Rounds to bfloat16: `low` into the lower half of a register, and `high` into the upper half.
    public void vcvtne2ps2bf16(Zmm to, Zmm high, Zmm low) {
        vector(VectorOpcode.VCVTNE2PS2BF16, to, high, low);
    }

    /// Converts 32-bit integers to float32.
    public void vcvtdq2ps(Vector to, Operand from) {
        vector(VectorOpcode.VCVTDQ2PS, to, null, from);
    }

    /// Adds to each 32-bit sum the products of four bytes without a sign and four with one.
    public void vpdpbusd(Zmm sum, Zmm unsigned, Zmm signed) {
        vector(VectorOpcode.VPDPBUSD, sum, unsigned, signed);
    }

    // Instructions on tile registers

    /// Sets the numbers of rows and of bytes in a row of all tile registers.
    public void ldtilecfg(Address from) {
        vex(VEX_NONE, 0x49, 0, 0, from);
    }

    /// Gives up the tile registers, which a change of threads then need not save.
    public void tilerelease() {
        vex(VEX_NONE, 0x49, 0, 0, 0);
    }

    public void tilezero(Tmm to) {
        vex(VEX_PF2, 0x49, to.number(), 0, 0);
    }

    /// Loads the rows of a tile. The address's index is the distance from a row to the next.
    public void tileloadd(Tmm to, Address from) {
        vex(VEX_PF2, 0x4b, to.number(), 0, from);
    }

    /// Stores the rows of a tile. The address's index is the distance from a row to the next.
    public void tilestored(Address to, Tmm from) {
        vex(VEX_PF3, 0x4b, from.number(), 0, to);
    }

    /// Adds to each sum of rows of `a` and columns of `b` the products of their pairs of bfloat16 numbers.
    public void tdpbf16ps(Tmm sums, Tmm a, Tmm b) {
        vex(VEX_PF3, 0x5c, sums.number(), b.number(), a.number());
    }

    /// Adds to each sum of rows of `unsigned` and columns of `signed` the products of their bytes, four by four.
    public void tdpbusd(Tmm sums, Tmm unsigned, Tmm signed) {
        vex(VEX_P66, 0x5e, sums.number(), signed.number(), unsigned.number());
    }

    /// Clears the upper parts of vector registers, without which older vector code in the caller would be slow.
    public void vzeroupper() {
        bytes(0xc5, 0xf8, 0x77);
    }

    // General-purpose instructions

    public void mov(Gpr to, Gpr from) {
        general(0x89, from.number(), to);
    }

    public void mov(Gpr to, Address from) {
        general(0x8b, to.number(), from);
    }

    public void mov(Gpr to, int number) {
        general(0xc7, 0, to);
        int32(number);
    }

    public void lea(Gpr to, Address address) {
        general(0x8d, to.number(), address);
    }

    public void add(Gpr to, Gpr addend) {
        general(0x01, addend.number(), to);
    }

    public void add(Gpr to, Address addend) {
        general(0x03, to.number(), addend);
    }

    public void add(Gpr to, int addend) {
        generalWithNumber(0, to, addend);
    }

    public void sub(Gpr to, Gpr subtrahend) {
        general(0x29, subtrahend.number(), to);
    }

    public void sub(Gpr to, int subtrahend) {
        generalWithNumber(5, to, subtrahend);
    }

    public void cmp(Gpr a, Gpr b) {
        general(0x39, b.number(), a);
    }

    public void cmp(Gpr a, int number) {
        generalWithNumber(7, a, number);
    }

    public void push(Gpr from) {
        optionalRex(from);
        bytes(0x50 + from.low());
    }

    public void pop(Gpr to) {
        optionalRex(to);
        bytes(0x58 + to.low());
    }

    public void ret() {
        bytes(0xc3);
    }

    /// Requests a cache line into all caches.
    public void prefetcht0(Address line) {
        prefetch(0x18, 1, line);
    }

    /// Requests a cache line into the second-level cache.
    public void prefetcht1(Address line) {
        prefetch(0x18, 2, line);
    }

    /// Requests a cache line that will be written.
    public void prefetchw(Address line) {
        prefetch(0x0d, 1, line);
    }

    // Jumps

    /// Places a label here.
    public void bind(Label label) {
        if (label.isBound()) {
            throw new IllegalStateException("a label has two places");
        }
        label.offset = size;
        for (int reference : label.references) {
            distance(reference, label.offset);
        }
    }

    public void jump(Condition condition, Label to) {
        bytes(TWO_BYTE_OPCODE, 0x80 + condition.code);
        reference(to);
    }

    public void jump(Label to) {
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

    /// Encodes an instruction on vectors. Its registers have one type, from which the encoding follows.
    private void vector(VectorOpcode opcode, Vector register, @Nullable Vector second, Operand third) {
        switch (register) {
            case Zmm zmm -> evex(opcode, zmm, second, third);
            case Ymm ymm -> vex(opcode, ymm, second, third);
        }
    }

    private void evex(VectorOpcode opcode, Zmm register, @Nullable Vector second, Operand third) {
        switch (third) {
            case Zmm(int number) -> {
                evexPrefix(opcode, register.number(), number >> 4, number >> 3, (Zmm) second, false, 0);
                bytes(opcode.code, registers(register.number(), number));
            }
            case Address memory -> {
                evexPrefix(
                        opcode,
                        register.number(),
                        high(memory.index()),
                        memory.base().high(),
                        (Zmm) second,
                        memory.broadcast(),
                        0);
                bytes(opcode.code);
                int unit = memory.broadcast() ? Float.BYTES : opcode.unit;
                memory(register.number(), memory, unit);
            }
            case Ymm ymm -> throw new IllegalArgumentException("%s is no register of 512 bits".formatted(ymm));
        }
    }

    private void vex(VectorOpcode opcode, Ymm register, @Nullable Vector second, Operand third) {
        int inPrefix = second == null ? 0 : ((Ymm) second).number();
        switch (third) {
            case Ymm(int number) -> {
                vexPrefix(opcode, register.number(), 0, number >> 3, inPrefix);
                bytes(opcode.code, registers(register.number(), number));
            }
            case Address memory -> {
                if (memory.broadcast()) {
                    throw new IllegalArgumentException("no number of AVX2 is broadcast within an instruction");
                }
                vexPrefix(
                        opcode,
                        register.number(),
                        high(memory.index()),
                        memory.base().high(),
                        inPrefix);
                bytes(opcode.code);
                memory(register.number(), memory, 1);
            }
            case Zmm zmm -> throw new IllegalArgumentException("%s is no register of 256 bits".formatted(zmm));
        }
    }

    /// Shifts by a number. The destination is in the prefix.
    private void shift(VectorOpcode opcode, int extension, Vector to, Vector from, int bits) {
        switch (to) {
            case Zmm zmm -> evexPrefix(opcode, extension, from.number() >> 4, from.number() >> 3, zmm, false, 0);
            case Ymm ymm -> vexPrefix(opcode, extension, 0, from.number() >> 3, ymm.number());
        }
        bytes(opcode.code, registers(extension, from.number()), bits);
    }

    /// Writes the EVEX prefix. Register bits are stored inverted.
    ///
    /// @param x bit 4 of a register in the last operand, or bit 3 of an index
    /// @param b bit 3 of a register in the last operand, or of a base
    /// @param mask number of a mask, and [#ZEROING]; 0 for none
    private void evexPrefix(
            VectorOpcode opcode, int register, int x, int b, @Nullable Zmm second, boolean broadcast, int mask) {
        int vvvv = second == null ? 0 : second.number();
        int upperBits = bit(register, 3) << 7 | bit(x, 0) << 6 | bit(b, 0) << 5 | bit(register, 4) << 4;
        bytes(
                0x62,
                (upperBits ^ 0xf0) | opcode.map,
                (~vvvv & 15) << 3 | 4 | opcode.prefix,
                2 << 5 | (broadcast ? 1 << 4 : 0) | bit(~vvvv, 4) << 3 | mask);
    }

    /// Writes the VEX prefix of an instruction on 256 bits, which has two bytes if all that it says fits into them.
    /// Register bits are stored inverted.
    ///
    /// @param x bit 3 of an index
    /// @param b bit 3 of a register in the last operand, or of a base
    /// @param second the operand in the prefix; 0 if there is none
    private void vexPrefix(VectorOpcode opcode, int register, int x, int b, int second) {
        int last = (~second & 15) << 3 | VEX_256_BITS | opcode.prefix;
        int r = bit(~register, 3) << 7;
        if (opcode.map == VectorOpcode.MAP_0F && (x | b) == 0) {
            bytes(0xc5, r | last);
        } else {
            bytes(0xc4, r | bit(~x, 0) << 6 | bit(~b, 0) << 5 | opcode.map, last);
        }
    }

    private static int high(@Nullable Gpr index) {
        return index == null ? 0 : index.high();
    }

    /// @param register the register operand, or the extension of the opcode
    /// @param second the operand in the prefix; 0 if there is none
    private void vex(int prefix, int opcode, int register, int second, int third) {
        vexPrefix(prefix, 0, 0, second);
        bytes(opcode, registers(register, third));
    }

    private void vex(int prefix, int opcode, int register, int second, Address memory) {
        vexPrefix(prefix, high(memory.index()), memory.base().high(), second);
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
        bytes(
                REX
                        | REX_W
                        | bit(register, 3) << 2
                        | high(memory.index()) << 1
                        | memory.base().high(),
                opcode);
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
        int rex = high(line.index()) << 1 | line.base().high();
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
