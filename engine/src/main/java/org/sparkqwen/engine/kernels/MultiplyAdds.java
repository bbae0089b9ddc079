package org.sparkqwen.engine.kernels;

import static org.sparkqwen.engine.kernels.OuterProduct.FLOATS;

import jdk.incubator.vector.FloatVector;

/// Multiply-adds that depend on nothing but registers: what a core can do at most.
///
/// A multiply-add takes four or five cycles, and a core starts two to four in each, so some twenty must be under way at
/// a time. Each chain is a sum of its own, `a = a · factor + term`, which tends to a small number and never to one that
/// is slow to compute with.
final class MultiplyAdds {
    private MultiplyAdds() {}

    /// Arithmetic operations of `chains` chains of `steps`: a multiply-add is two, in every lane.
    static double flops(int chains, int steps) {
        return 2.0 * chains * steps * FLOATS.length();
    }

    /// A factor below 1, a term, and different starts: what is the same need not be computed twice.
    static float[] numbers() {
        float[] numbers = new float[2 + 24];
        numbers[0] = 0.5f;
        numbers[1] = 1;
        for (int chain = 2; chain < numbers.length; chain++) {
            numbers[chain] = chain;
        }
        return numbers;
    }

    /// `steps` multiply-adds in each of 24 chains, for processors with 32 vector registers.
    ///
    /// @param numbers a factor, a term, and where each chain starts
    static float chains24(float[] numbers, int steps) {
        FloatVector factor = FloatVector.broadcast(FLOATS, numbers[0]);
        FloatVector term = FloatVector.broadcast(FLOATS, numbers[1]);
        FloatVector a0 = FloatVector.broadcast(FLOATS, numbers[2]);
        FloatVector a1 = FloatVector.broadcast(FLOATS, numbers[3]);
        FloatVector a2 = FloatVector.broadcast(FLOATS, numbers[4]);
        FloatVector a3 = FloatVector.broadcast(FLOATS, numbers[5]);
        FloatVector a4 = FloatVector.broadcast(FLOATS, numbers[6]);
        FloatVector a5 = FloatVector.broadcast(FLOATS, numbers[7]);
        FloatVector a6 = FloatVector.broadcast(FLOATS, numbers[8]);
        FloatVector a7 = FloatVector.broadcast(FLOATS, numbers[9]);
        FloatVector a8 = FloatVector.broadcast(FLOATS, numbers[10]);
        FloatVector a9 = FloatVector.broadcast(FLOATS, numbers[11]);
        FloatVector a10 = FloatVector.broadcast(FLOATS, numbers[12]);
        FloatVector a11 = FloatVector.broadcast(FLOATS, numbers[13]);
        FloatVector a12 = FloatVector.broadcast(FLOATS, numbers[14]);
        FloatVector a13 = FloatVector.broadcast(FLOATS, numbers[15]);
        FloatVector a14 = FloatVector.broadcast(FLOATS, numbers[16]);
        FloatVector a15 = FloatVector.broadcast(FLOATS, numbers[17]);
        FloatVector a16 = FloatVector.broadcast(FLOATS, numbers[18]);
        FloatVector a17 = FloatVector.broadcast(FLOATS, numbers[19]);
        FloatVector a18 = FloatVector.broadcast(FLOATS, numbers[20]);
        FloatVector a19 = FloatVector.broadcast(FLOATS, numbers[21]);
        FloatVector a20 = FloatVector.broadcast(FLOATS, numbers[22]);
        FloatVector a21 = FloatVector.broadcast(FLOATS, numbers[23]);
        FloatVector a22 = FloatVector.broadcast(FLOATS, numbers[24]);
        FloatVector a23 = FloatVector.broadcast(FLOATS, numbers[25]);
        for (int step = 0; step < steps; step++) {
            a0 = a0.fma(factor, term);
            a1 = a1.fma(factor, term);
            a2 = a2.fma(factor, term);
            a3 = a3.fma(factor, term);
            a4 = a4.fma(factor, term);
            a5 = a5.fma(factor, term);
            a6 = a6.fma(factor, term);
            a7 = a7.fma(factor, term);
            a8 = a8.fma(factor, term);
            a9 = a9.fma(factor, term);
            a10 = a10.fma(factor, term);
            a11 = a11.fma(factor, term);
            a12 = a12.fma(factor, term);
            a13 = a13.fma(factor, term);
            a14 = a14.fma(factor, term);
            a15 = a15.fma(factor, term);
            a16 = a16.fma(factor, term);
            a17 = a17.fma(factor, term);
            a18 = a18.fma(factor, term);
            a19 = a19.fma(factor, term);
            a20 = a20.fma(factor, term);
            a21 = a21.fma(factor, term);
            a22 = a22.fma(factor, term);
            a23 = a23.fma(factor, term);
        }
        FloatVector all = a0.add(a1)
                .add(a2)
                .add(a3)
                .add(a4)
                .add(a5)
                .add(a6)
                .add(a7)
                .add(a8)
                .add(a9)
                .add(a10)
                .add(a11)
                .add(a12)
                .add(a13)
                .add(a14)
                .add(a15)
                .add(a16)
                .add(a17)
                .add(a18)
                .add(a19)
                .add(a20)
                .add(a21)
                .add(a22)
                .add(a23);
        return all.lane(0);
    }

    /// `steps` multiply-adds in each of 12 chains, for processors with 16 vector registers.
    ///
    /// @param numbers a factor, a term, and where each chain starts
    static float chains12(float[] numbers, int steps) {
        FloatVector factor = FloatVector.broadcast(FLOATS, numbers[0]);
        FloatVector term = FloatVector.broadcast(FLOATS, numbers[1]);
        FloatVector a0 = FloatVector.broadcast(FLOATS, numbers[2]);
        FloatVector a1 = FloatVector.broadcast(FLOATS, numbers[3]);
        FloatVector a2 = FloatVector.broadcast(FLOATS, numbers[4]);
        FloatVector a3 = FloatVector.broadcast(FLOATS, numbers[5]);
        FloatVector a4 = FloatVector.broadcast(FLOATS, numbers[6]);
        FloatVector a5 = FloatVector.broadcast(FLOATS, numbers[7]);
        FloatVector a6 = FloatVector.broadcast(FLOATS, numbers[8]);
        FloatVector a7 = FloatVector.broadcast(FLOATS, numbers[9]);
        FloatVector a8 = FloatVector.broadcast(FLOATS, numbers[10]);
        FloatVector a9 = FloatVector.broadcast(FLOATS, numbers[11]);
        FloatVector a10 = FloatVector.broadcast(FLOATS, numbers[12]);
        FloatVector a11 = FloatVector.broadcast(FLOATS, numbers[13]);
        for (int step = 0; step < steps; step++) {
            a0 = a0.fma(factor, term);
            a1 = a1.fma(factor, term);
            a2 = a2.fma(factor, term);
            a3 = a3.fma(factor, term);
            a4 = a4.fma(factor, term);
            a5 = a5.fma(factor, term);
            a6 = a6.fma(factor, term);
            a7 = a7.fma(factor, term);
            a8 = a8.fma(factor, term);
            a9 = a9.fma(factor, term);
            a10 = a10.fma(factor, term);
            a11 = a11.fma(factor, term);
        }
        FloatVector all = a0.add(a1)
                .add(a2)
                .add(a3)
                .add(a4)
                .add(a5)
                .add(a6)
                .add(a7)
                .add(a8)
                .add(a9)
                .add(a10)
                .add(a11);
        return all.lane(0);
    }
}
