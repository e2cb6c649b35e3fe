"""DPO on preference pairs with trl, peft and bitsandbytes: one call, resumable, one result.

Source of the objective: Rafailov et al. 2023 (DPO), with the chosen text's negative log-likelihood
added where ``loss_nll_weight`` says so (arXiv 2406.14629 trains M2 that way).
"""

import json
import logging
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from lbt_core import UserError
from lbt_core.generation.models import model_folder
from lbt_core.store.rows import Preference
from lbt_core.training import checkpoints
from lbt_core.training.data import (
    EncodedPairs,
    Generated,
    LeftOut,
    describe_left_out,
    encode_pairs,
)
from lbt_core.training.history import (
    END_MARK,
    HistoryRow,
    TrainingDiverged,
    TrainingEnded,
    best_step,
    describe,
    history_rows,
    read_history,
    write_history,
)
from lbt_core.training.loading import (
    adapter_config,
    gpu_available,
    load_model,
    load_tokenizer,
    usable_quantization,
)
from lbt_core.training.spec import TrainingSpec

_log = logging.getLogger(__name__)

_RESULT = "result.json"
# What may change between a training and its continuation: none of it changes the result.
_FREE = {"workers", "checkpoint_steps", "guards", "strategy", "gradient_checkpointing", "select"}


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training made.

    ``weights`` is the folder of the adapter in PEFT form, or of the whole model after full
    fine-tuning (``full``). ``steps`` counts the optimiser steps in those weights, ``planned_steps``
    those of an undisturbed training; ``stopped`` says why fewer were made, or is None.
    ``quantization`` is what was used in fact. ``tokens`` counts the tokens of all kept sequences,
    ``seconds`` the wall time of this call's training, ``peak_memory`` the bytes of GPU memory at
    its peak on the first worker (resident memory where there is no GPU); ``resumed_from`` is the
    step it continued from, 0 for a fresh one. ``retokenised`` counts completions that were trained
    on as other tokens than were generated, of two a pair; None where that is not known.
    ``padding`` is the fraction of positions that only fill up, mean over the steps on the first
    worker; None where no step was made or an earlier version trained.
    """

    weights: str
    full: bool
    steps: int
    planned_steps: int
    pairs: int
    left_out: tuple[LeftOut, ...]
    history: list[HistoryRow]
    stopped: str | None
    quantization: str
    tokens: int
    longest: int
    seconds: float
    peak_memory: int
    resumed_from: int
    retokenised: int | None = None
    padding: float | None = None


def train_dpo(
    model_path: str,
    pairs: Sequence[Preference],
    spec: TrainingSpec,
    out_dir: str | Path,
    *,
    revision: str | None = None,
    generated: Sequence[Generated] | None = None,
    validation_prompts: Sequence[str] = (),
    right: Callable[[Sequence[str]], Sequence[bool]] | None = None,
    resume: bool = True,
    on_log: Callable[[str], None] | None = None,
    prepare: Callable[[Any], Any] | None = None,
) -> TrainingResult:
    """Tunes a model on preference pairs and leaves adapter, history and checkpoints in ``out_dir``.

    Called again on the same folder it continues from the last whole checkpoint, in the same data
    order, or returns the finished result. Called on every worker of a ``torch.distributed`` group
    it trains data-parallel; the folder must then be shared by the workers. ``revision`` is that of
    a hub id, the same that sampled the pairs; ``generated`` is what generation counted of each pair
    (``encode_pairs``). ``validation_prompts`` are rendered prompts that the checks answer,
    ``right`` says of such answers, in the prompts' order, which are right (``spec.select`` "best"
    needs it); ``on_log`` gets one line a step and every warning, on the first worker; ``prepare``
    gets the trainer before it starts (a launcher's hook).

    Raises UserError where ``model_path`` is no model folder or ``out_dir`` holds another training,
    DataError where no pair fits, TrainingEnded where it was asked to end, TrainingDiverged where
    the loss is not a number, blows up, or the model collapses before the first checkpoint.
    """
    out_dir, say = Path(out_dir), on_log or _log.info
    if spec.select == "best" and (right is None or not validation_prompts):
        raise UserError("training.select best needs validation problems with answers")
    model_dir = model_folder(model_path, revision)
    tokenizer = load_tokenizer(model_dir)
    encoded = encode_pairs(tokenizer, pairs, spec.max_length, generated)
    quantization = usable_quantization(spec, say)
    if encoded.retokenised:
        say(
            f"{encoded.retokenised} of {2 * len(encoded.rows)} texts are trained on as other "
            "tokens than they were generated as (more than one in fifty would mean that the "
            "tokenizer is hardly the one that the model was made with)"
        )
    if encoded.left_out:
        say(describe_left_out(encoded.left_out))
    if spec.strategy == "fsdp" and not gpu_available():
        say("WARNING: FSDP needs GPUs: every worker holds a copy of the model instead (DDP)")
    rank, world = _place()
    identity = _identity(model_dir, encoded, spec, quantization)
    refused = checkpoints.claim(out_dir, identity, resume) if rank == 0 else None
    refused = _from_first(refused, world)
    if refused:
        raise UserError(refused)
    if rank == 0:
        (out_dir / END_MARK).unlink(missing_ok=True)
    finished = _read_result(out_dir)
    if finished is not None:
        return finished
    trainer, watch = _build(
        (model_dir, tokenizer, encoded, quantization),
        spec,
        out_dir,
        (validation_prompts, right),
        on_log,
    )
    if prepare is not None:
        trainer = prepare(trainer)
    start = checkpoints.latest_whole(out_dir / "checkpoints") if rank == 0 else None
    start = _from_first(start, world)
    began = time.monotonic()
    trainer.train(resume_from_checkpoint=str(start) if start else None)
    if watch.ended:
        raise TrainingEnded(f"training ended on request after step {trainer.state.global_step}")
    steps = _save_weights(trainer, watch.stopped, spec.select, out_dir, rank)
    history = history_rows(trainer.state.log_history)
    padding = [row["padding"] for row in history if "padding" in row]
    result = TrainingResult(
        weights=str(out_dir / "weights"),
        full=spec.full_finetune,
        steps=steps,
        planned_steps=trainer.state.max_steps,
        pairs=len(encoded.rows),
        left_out=encoded.left_out,
        history=history,
        stopped=watch.stopped,
        quantization=quantization,
        tokens=encoded.tokens,
        longest=encoded.longest,
        seconds=time.monotonic() - began,
        peak_memory=_peak_memory(),
        resumed_from=checkpoints.step_of(start) if start else 0,
        retokenised=encoded.retokenised,
        padding=fmean(padding) if padding else None,
    )
    if rank == 0:
        write_history(out_dir, result.history)
        _write_result(out_dir, result)
        if watch.stopped:
            say(f"training stopped: {watch.stopped}; the weights are those of step {steps}")
    _barrier()
    return result


def _identity(
    model_dir: Path, encoded: EncodedPairs, spec: TrainingSpec, quantization: str
) -> dict[str, str]:
    """What decides the result; the pairs' tokens stand for data and prompt template."""
    settings = {k: v for k, v in spec.model_dump(mode="json").items() if k not in _FREE}
    if not spec.group_by_length:
        del settings["group_by_length"]  # as in trainings from before there was a choice
    if spec.select == "best":
        # what it is chosen among, and on, then changes the result
        settings |= {"select": "best", "checkpoint_steps": spec.checkpoint_steps}
        settings |= {"guards": spec.guards.model_dump(mode="json")}
    return {
        "model": checkpoints.weights_digest(model_dir),
        "pairs": encoded.digest,
        **{key: json.dumps(value) for key, value in settings.items()},
        "quantization": quantization,
    }


def _peak_memory() -> int:
    """Bytes at the peak: of the GPU's memory, or resident in this process where there is none."""
    import torch  # noqa: PLC0415 (heavy import, only where used)

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _place() -> tuple[int, int]:
    """This worker's rank and the number of workers."""
    import torch.distributed as dist  # noqa: PLC0415 (heavy import, only where used)

    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def _barrier() -> None:
    import torch.distributed as dist  # noqa: PLC0415 (heavy import, only where used)

    if dist.is_initialized():
        dist.barrier()


def _from_first(value: Any, world: int) -> Any:
    """The first worker's value, on every worker."""
    if world == 1:
        return value
    from accelerate.utils import broadcast_object_list  # noqa: PLC0415 (heavy import)

    values = [value]
    broadcast_object_list(values)
    return values[0]


def _build(
    base: tuple[Path, Any, EncodedPairs, str],
    spec: TrainingSpec,
    out_dir: Path,
    validation: tuple[Sequence[str], Callable[[Sequence[str]], Sequence[bool]] | None],
    on_log: Callable[[str], None] | None,
) -> tuple[Any, Any]:
    """trl's trainer and the callback that watches it."""
    model_dir, tokenizer, encoded, quantization = base
    prompts, right = validation
    from transformers import PrinterCallback  # noqa: PLC0415 (heavy import, only where used)

    from lbt_core.training.trainer import PairTrainer, Watch  # noqa: PLC0415 (heavy import)

    def on_row(row: HistoryRow) -> None:
        if on_log is not None:
            on_log(describe(row))

    args = _arguments(spec, out_dir)
    with args.main_process_first():
        dataset = _dataset(encoded, out_dir)
    chosen_tokens = fmean(len(row["chosen_ids"]) for row in encoded.rows)
    watch = Watch(spec, prompts, chosen_tokens, out_dir, on_row, right)
    trainer = PairTrainer(
        model=load_model(model_dir, spec, quantization, args.local_process_index),
        args=args,
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=None if spec.full_finetune else adapter_config(spec),
        callbacks=[watch],
        grouped_step=spec.batch_size if spec.group_by_length else None,
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, which belongs to the caller
    watch.trainer = trainer
    return trainer, watch


def _arguments(spec: TrainingSpec, out_dir: Path) -> Any:
    from trl import DPOConfig  # noqa: PLC0415 (heavy import, only where used)

    gpu = gpu_available()
    backend = "nccl" if gpu else "gloo"
    _, world = _place()
    if spec.gradient_accumulation % world:
        raise UserError(
            f"training.gradient_accumulation {spec.gradient_accumulation} is not a multiple of the "
            f"{world} workers"
        )
    shard = spec.strategy == "fsdp" and world > 1 and gpu
    fsdp_config = {
        "state_dict_type": "FULL_STATE_DICT",
        "activation_checkpointing": spec.gradient_checkpointing,
    }
    return DPOConfig(
        output_dir=str(out_dir / "checkpoints"),
        learning_rate=spec.learning_rate,
        num_train_epochs=spec.epochs,
        max_steps=spec.max_steps or -1,
        beta=spec.beta,
        loss_type=["sigmoid", "sft"] if spec.loss_nll_weight else ["sigmoid"],
        loss_weights=[1.0, spec.loss_nll_weight] if spec.loss_nll_weight else [1.0],
        per_device_train_batch_size=spec.per_device_batch_size,
        gradient_accumulation_steps=spec.gradient_accumulation // world,
        max_length=None,  # nothing is cut: what does not fit was left out before
        precompute_ref_log_probs=True,
        lr_scheduler_type=spec.scheduler,
        warmup_steps=spec.warmup,
        weight_decay=spec.weight_decay,
        max_grad_norm=spec.max_grad_norm,
        gradient_checkpointing=spec.gradient_checkpointing and not shard,
        bf16=spec.dtype == "bfloat16",
        seed=spec.seed or 0,
        use_cpu=not gpu,
        ddp_backend=backend if world > 1 else None,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=gpu,
        save_strategy="steps",
        save_steps=spec.checkpoint_steps,
        # the watch removes all but the best and the last
        save_total_limit=None if spec.select == "best" else 2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        **({"fsdp": True, "fsdp_config": fsdp_config} if shard else {}),
    )


def _dataset(encoded: EncodedPairs, out_dir: Path) -> Any:
    """The pairs as a dataset on disk under their digest.

    trl keeps the reference model's log-probabilities next to it, in a file named by the dataset's
    fingerprint and a hash of the model, so that they are computed once.
    """
    from datasets import Dataset, load_from_disk  # noqa: PLC0415 (heavy import, only where used)

    folder = out_dir / f"pairs-{encoded.digest}"
    if not folder.is_dir():
        temporary = folder.with_suffix(".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        table = Dataset.from_list(encoded.rows).data
        Dataset(table, fingerprint=encoded.digest).save_to_disk(temporary)
        temporary.rename(folder)
    return load_from_disk(folder)


def _save_weights(trainer: Any, stopped: str | None, select: str, out_dir: Path, rank: int) -> int:
    """Leaves the trained weights in ``weights``; returns the optimiser steps that are in them.

    A training that was stopped leaves those of its last checkpoint, from before the collapse; with
    ``select`` "best" they are the best checkpoint's.
    """
    folder = out_dir / "weights"
    if stopped is None and select == "last":
        trainer.save_model(str(folder))
        return int(trainer.state.global_step)
    good = checkpoints.latest_whole(out_dir / "checkpoints") if rank == 0 else None
    if good is not None and select == "best":
        saved = [row for row in trainer.state.log_history if _checkpoint(out_dir, row["step"])]
        best = best_step(saved)
        good = _checkpoint(out_dir, best) if best is not None else good
    good = _from_first(good, _place()[1])
    if good is None:
        raise TrainingDiverged(
            f"{stopped}, before the first checkpoint: lower training.learning_rate or "
            "training.checkpoint_steps"
        )
    if rank == 0:
        shutil.rmtree(folder, ignore_errors=True)
        skipped = shutil.ignore_patterns("*.pt", "*.pth", "trainer_state.json", "training_args.bin")
        shutil.copytree(good, folder, ignore=skipped)
    return checkpoints.step_of(good)


def _checkpoint(out_dir: Path, step: int) -> Path | None:
    """The folder of a step's checkpoint, where there is one."""
    folder = out_dir / "checkpoints" / f"checkpoint-{step}"
    return folder if folder.is_dir() else None


def _write_result(out_dir: Path, result: TrainingResult) -> None:
    record = asdict(result)
    del record["history"], record["weights"]  # the one has its own file, the other may move
    temporary = out_dir / f".{_RESULT}"
    temporary.write_text(json.dumps(record, indent=1), "utf-8")
    temporary.replace(out_dir / _RESULT)


def _read_result(out_dir: Path) -> TrainingResult | None:
    """The result of a training that has finished in this folder."""
    path = out_dir / _RESULT
    if not path.is_file():
        return None
    record = json.loads(path.read_text("utf-8"))
    record["left_out"] = tuple(LeftOut(**one) for one in record["left_out"])
    return TrainingResult(weights=str(out_dir / "weights"), history=read_history(out_dir), **record)
