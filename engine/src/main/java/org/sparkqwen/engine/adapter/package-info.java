/// Reads LoRA adapters in PEFT's format, and adds their products to the matrices of a base model.
@NullMarked
package org.sparkqwen.engine.adapter;

import org.jspecify.annotations.NullMarked;
