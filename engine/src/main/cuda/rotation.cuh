// The rotary embedding of heads of 128 numbers.
#pragma once

/// The angles of a position, as each thread of a warp needs them for its four neighbours of a head.
struct Angles {
    float4 cosine;
    float4 sine;
};

/// Reads the angles of a position.
///
/// @param cosines [positions, 64]
__device__ __forceinline__ Angles anglesOf(const float *cosines, const float *sines, int position) {
    int lane = threadIdx.x & 15;
    return {
        reinterpret_cast<const float4 *>(cosines + (long)position * 64)[lane],
        reinterpret_cast<const float4 *>(sines + (long)position * 64)[lane]};
}

/// Applies RMSNorm, if `weight` is not null, and then the rotary embedding. Each thread of a warp has four neighbours
/// of a head, and the thread 16 lanes away has the other halves of their pairs.
__device__ __forceinline__ float4 rotated(float4 own, const float *weight, float epsilon, const Angles &angles) {
    int lane = threadIdx.x & 31;
    if (weight != nullptr) {
        float squares = fmaf(own.w, own.w, fmaf(own.z, own.z, fmaf(own.y, own.y, own.x * own.x)));
        for (int other = 16; other > 0; other /= 2) squares += __shfl_xor_sync(0xffffffff, squares, other);
        float inverse = 1.f / sqrtf(squares / 128 + epsilon);
        float4 by = reinterpret_cast<const float4 *>(weight)[lane];
        own = make_float4(
            by.x * (own.x * inverse), by.y * (own.y * inverse), by.z * (own.z * inverse), by.w * (own.w * inverse));
    }
    float4 other = make_float4(
        __shfl_xor_sync(0xffffffff, own.x, 16), __shfl_xor_sync(0xffffffff, own.y, 16),
        __shfl_xor_sync(0xffffffff, own.z, 16), __shfl_xor_sync(0xffffffff, own.w, 16));
    float sign = lane < 16 ? -1.f : 1.f;
    const float4 &cosine = angles.cosine;
    const float4 &sine = angles.sine;
    return make_float4(
        fmaf(sign * other.x, sine.x, own.x * cosine.x), fmaf(sign * other.y, sine.y, own.y * cosine.y),
        fmaf(sign * other.z, sine.z, own.z * cosine.z), fmaf(sign * other.w, sine.w, own.w * cosine.w));
}
