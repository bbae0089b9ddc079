package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.sparkqwen.engine.kernels.ScalarMath;

/// Computes the functions of [ScalarMath] on vectors: the same steps in the same order, so the same bits.
final class VectorMath {
    private VectorMath() {}

    static FloatVector exp(FloatVector x) {
        FloatVector floored = x.blend(ScalarMath.EXP_MIN, x.compare(VectorOperators.LT, ScalarMath.EXP_MIN));
        FloatVector clamped = floored.blend(ScalarMath.EXP_MAX, x.compare(VectorOperators.GT, ScalarMath.EXP_MAX));
        FloatVector shifted = clamped.fma(splat(ScalarMath.LOG2_E), splat(ScalarMath.ROUND));
        IntVector n = shifted.reinterpretAsInts().sub(ScalarMath.ROUND_BITS);
        FloatVector nearest = shifted.sub(ScalarMath.ROUND);
        FloatVector r = nearest.fma(splat(-ScalarMath.LN2_LOW), nearest.fma(splat(-ScalarMath.LN2_HIGH), clamped));
        FloatVector p = splat(ScalarMath.EXP_C5);
        p = p.fma(r, splat(ScalarMath.EXP_C4));
        p = p.fma(r, splat(ScalarMath.EXP_C3));
        p = p.fma(r, splat(ScalarMath.EXP_C2));
        p = p.fma(r, splat(ScalarMath.EXP_C1));
        p = p.fma(r, splat(ScalarMath.EXP_C0));
        FloatVector power = p.fma(r.mul(r), r).add(1f);
        IntVector half = n.lanewise(VectorOperators.ASHR, 1);
        return power.mul(powerOfTwo(half)).mul(powerOfTwo(n.sub(half)));
    }

    static FloatVector swiGlu(FloatVector gate, FloatVector up) {
        return gate.div(exp(gate.neg()).add(1f)).mul(up);
    }

    static FloatVector greater(FloatVector a, FloatVector b) {
        return a.blend(b, b.compare(VectorOperators.GT, a));
    }

    private static FloatVector powerOfTwo(IntVector exponent) {
        return exponent.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    }

    private static FloatVector splat(float value) {
        return FloatVector.broadcast(FLOATS, value);
    }
}
