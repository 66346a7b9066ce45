"""Makes full-size files of torchvision and timm and what they compute. See README.md.

Usage: python check_torch.py FOLDER_OF_covid-xray FOLDER_FOR_THE_FILES [EFFICIENTNET_LITE0.pth]
"""

import json
import pathlib
import shutil
import sys

import safetensors.torch
import timm
import torch
import torchvision
import torchxrayvision
from films import films, grey

MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)


def fill(model, seed):
    """Values large enough that a wrong tensor shows in the output: He's deviation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            values = torch.randn(tensor.shape, generator=generator)
            if tensor.dim() > 1:
                values *= (2 / (tensor.numel() / tensor.shape[0])) ** 0.5
            elif name.endswith("running_var") or name.endswith("weight"):
                values = 1 + 0.1 * values.clamp(-3, 3)
            else:
                values *= 0.1
            tensor.copy_(values)


def main():
    data, folder = map(pathlib.Path, sys.argv[1:3])
    folder.mkdir(exist_ok=True)
    names = films(data)
    planes = torch.stack([torch.from_numpy(grey(data / name, 224)) for name in names]) / 255
    planes = planes[:, None].repeat(1, 3, 1, 1)
    cases = []

    def case(file, architecture, kind, values, scaling="imagenet", classes=2):
        cases.append(
            {
                "file": file,
                "architecture": architecture,
                "classes": classes,
                "size": 224,
                "kind": kind,
                "scaling": scaling,
                "films": names,
                "values": values.detach().double().reshape(len(names), -1).tolist(),
            }
        )

    normal = (planes - MEAN) / DEVIATION
    models = torchvision.models
    for number, (name, build) in enumerate(
        [
            ("resnet18", models.resnet18),
            ("mobilenet-v2", models.mobilenet_v2),
            ("densenet121", models.densenet121),
            ("resnet50", models.resnet50),
            ("efficientnet-b0", models.efficientnet_b0),
        ]
    ):
        model = build(num_classes=2).eval()
        fill(model, number)
        torch.save(model.state_dict(), folder / f"{name}.pth")
        torch.save(
            model.state_dict(), folder / f"{name}-stream.pth", _use_new_zipfile_serialization=False
        )
        torch.save(model, folder / f"{name}-module.pth")
        with torch.no_grad():
            logits = model(normal)
        for file in (f"{name}.pth", f"{name}-stream.pth", f"{name}-module.pth"):
            case(file, name, "logits", logits)

    # ImageNet files: the classifier of a thousand classes is left out.
    for name, build in (("vgg16", models.vgg16), ("vgg19", models.vgg19)):
        vgg = build().eval()
        fill(vgg, 9)
        torch.save(vgg.state_dict(), folder / f"{name}.pth", _use_new_zipfile_serialization=False)
        with torch.no_grad():
            case(f"{name}.pth", name, "pooled", vgg.features(normal).mean(dim=(2, 3)))

    for number, (theirs, ours) in enumerate(
        [
            ("resnet18", "resnet18"),
            ("mobilenetv2_100", "mobilenet-v2"),
            ("densenet121", "densenet121"),
            ("resnet50", "resnet50"),
            ("efficientnet_b0", "efficientnet-b0"),
            ("tf_efficientnet_b0", "efficientnet-b0-keras"),
            ("tf_efficientnet_lite0", "efficientnet-lite0"),
            ("vgg16", "vgg16"),
            ("vgg19", "vgg19"),
        ]
    ):
        model = timm.create_model(theirs, num_classes=2).eval()
        fill(model, 20 + number)
        tf = theirs == "tf_efficientnet_lite0"
        scaled = planes * 2 - 1 if tf else normal
        file = f"{theirs}.timm.safetensors"
        safetensors.torch.save_file(model.state_dict(), folder / file)
        with torch.no_grad():
            if theirs.startswith("vgg"):
                maps = model.features(scaled).mean(dim=(2, 3))
                case(file, ours, "pooled", maps)
            else:
                case(file, ours, "logits", model(scaled), "tf" if tf else "imagenet")

    # torchxrayvision's layout: one channel, values in 1024 each way, 18 findings and thresholds.
    xrv = torchxrayvision.models.DenseNet(weights=None, num_classes=18, apply_sigmoid=False).eval()
    fill(xrv, 40)
    with torch.no_grad():
        logits = xrv.classifier(xrv.features2((2 * planes[:, :1] - 1) * 1024))
    torch.save(xrv.state_dict(), folder / "xrv.pth")
    torch.save(xrv, folder / "xrv-module.pt")
    for file in ("xrv.pth", "xrv-module.pt"):
        case(file, "xrv-densenet121", "logits", logits, "xrv", 18)

    if len(sys.argv) > 3:
        # Real ImageNet weights, with the classes of ImageNet.
        source = pathlib.Path(sys.argv[3])
        shutil.copy(source, folder / source.name)
        model = lite0(torch.load(source, map_location="cpu"))
        with torch.no_grad():
            logits = model(planes * 2 - 1)
        case(source.name, "efficientnet-lite0", "logits", logits, "tf", 1000)

    (folder / "torch.json").write_text(json.dumps(cases))
    print(f"torchvision {torchvision.__version__}, timm {timm.__version__}, {len(cases)} cases")


def lite0(weights):
    """timm's TensorFlow EfficientNet-Lite0 with the package's tensors, which come in the same order."""
    model = timm.create_model("tf_efficientnet_lite0").eval()
    tensors = [(name, tensor) for name, tensor in weights.items() if "num_batches" not in name]
    names = [name for name in model.state_dict() if "num_batches" not in name]
    assert len(names) == len(tensors), (len(names), len(tensors))
    by_name = {}
    for ours, (theirs, tensor) in zip(names, tensors):
        assert model.state_dict()[ours].shape == tensor.shape, (ours, theirs)
        by_name[ours] = tensor
    missing, unexpected = model.load_state_dict(by_name, strict=False)
    assert not unexpected and all("num_batches" in name for name in missing)
    return model


if __name__ == "__main__":
    main()
